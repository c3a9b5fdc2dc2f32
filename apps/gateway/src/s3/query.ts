import { S3Fault, s3QueryOf } from '@portcullis/credentials';

/** They are verified, and go no further; so does the word by which some clients tell operations apart for their logs. */
const signatureParameters: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-content-sha256',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
  'x-id',
]);

/**
 * The query, without its signature. Whoever makes a presigned URL writes headers of S3 into it: they are signed there, and mean what
 * they mean as headers. Checksums are not taken: what they are of was not known when the URL was made.
 */
export function readQuery(target: string): { query: [name: string, value: string][]; hoisted: string[] } {
  const all = s3QueryOf(target);
  const isPresigned = all.some(([name]) => name === 'X-Amz-Signature');
  const rest = all.filter(([name]) => !signatureParameters.has(name.toLowerCase()));
  // Of two, one reader takes the first and another the last.
  if (new Set(rest.map(([name]) => name.toLowerCase())).size < rest.length)
    throw new S3Fault('InvalidArgument', 'repeated_parameter', 'A query parameter may be given only once.');
  const isHeader = ([name]: [string, string]): boolean => isPresigned && /^x-amz-/i.test(name);
  return {
    query: rest.filter((pair) => !isHeader(pair)),
    hoisted: rest
      .filter((pair) => isHeader(pair) && !/^x-amz-(?:sdk-)?checksum-(?!mode$)/i.test(pair[0]))
      .flatMap(([name, value]) => asHeader(name.toLowerCase(), value)),
  };
}

/** As Node would have read it: one character for each byte of its UTF-8. */
function asHeader(name: string, value: string): [name: string, value: string] {
  if (!/^[a-z0-9-]+$/.test(name) || /[^\t\x20-\x7e\x80-\u{10ffff}]/u.test(value))
    throw new S3Fault(
      'InvalidArgument',
      'hoisted_header',
      'A query parameter that stands for a header has the name of one, and no control characters.',
    );
  return [name, Buffer.from(value).toString('latin1')];
}
