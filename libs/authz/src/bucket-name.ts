/**
 * Whether a text can name a bucket, by S3's rules: 3 to 63 lower-case letters, digits, `-` and `.`; a letter or digit at each end
 * and beside each dot; not the shape of an IPv4 address; nothing that S3 keeps for itself.
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)
 */
export function isBucketName(text: string): boolean {
  return (
    text.length >= 3 &&
    text.length <= 63 &&
    /^[a-z0-9](?:-*[a-z0-9])*(?:\.[a-z0-9](?:-*[a-z0-9])*)*$/.test(text) &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(text) &&
    !/^(?:xn--|sthree-|amzn-s3-demo-)|(?:-s3alias|--ol-s3|--x-s3|--table-s3|\.mrap)$/.test(text)
  );
}

/** What {@link isBucketName} wants, as the end of a sentence. */
export const bucketNameRule =
  'must be 3 to 63 lower-case letters, digits, "-" and ".", with a letter or digit at each end and beside each dot, and no IP address';
