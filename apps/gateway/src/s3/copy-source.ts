import { S3Fault, s3PathOf } from '@portcullis/credentials';

/** The object that a copy is made of, decoded. */
export interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | undefined;
}

/** Reads `x-amz-copy-source`: `bucket/key?versionId=…`, percent-encoded, perhaps with a slash before. Throws `S3Fault`. */
export function readCopySource(written: string): CopySource {
  const mark = written.indexOf('?');
  const path = decode(mark < 0 ? written : written.slice(0, mark)).replace(/^\//, '');
  const version = mark < 0 ? undefined : /^versionId=([^&]+)$/.exec(written.slice(mark + 1))?.[1];
  if (mark >= 0 && version === undefined) throw refuse('behind its "?" stands versionId=, and nothing else');
  const slash = path.indexOf('/');
  const [bucket, key] = slash < 0 ? [path, ''] : [path.slice(0, slash), path.slice(slash + 1)];
  if (bucket.startsWith('arn:'))
    throw new S3Fault('NotImplemented', 'copy_source', 'A copy source is /bucket/key here.');
  if (bucket === '' || key === '' || bucket.length > 255) throw refuse('it is /bucket/key');
  if (!isPlainName(bucket, key))
    throw refuse('a name has no control characters, no backslash, and no ".." that lead out of the bucket');
  return { bucket, key, versionId: version === undefined ? undefined : decode(version) };
}

/** The same in one spelling, for the upstream. */
export function copySourceHeader({ bucket, key, versionId }: CopySource): string {
  const path = `/${[bucket, ...key.split('/')].map(encode).join('/')}`;
  return versionId === undefined ? path : `${path}?versionId=${encode(versionId)}`;
}

/** By the rule of the path itself, which refuses what a normalising upstream would read as another object, or as the bucket. */
export function isPlainName(bucket: string, key: string): boolean {
  try {
    s3PathOf(`/${[bucket, ...key.split('/')].map(encode).join('/')}`);
    return true;
  } catch (error) {
    if (error instanceof S3Fault) return false;
    throw error;
  }
}

function decode(text: string): string {
  try {
    // A header is bytes, one to a character: those above ASCII are UTF-8 that was not encoded.
    const escaped = text.replaceAll(/[^\x21-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
    return decodeURIComponent(escaped);
  } catch {
    throw refuse('it is percent-encoded UTF-8');
  }
}

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

const refuse = (message: string): S3Fault =>
  new S3Fault('InvalidArgument', 'copy_source', `x-amz-copy-source cannot be read: ${message}.`);
