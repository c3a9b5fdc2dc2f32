import { S3Fault } from '@portcullis/credentials';
import { escapeXml } from './xml.js';

/** One sentence, whether it belongs to nobody, to another organization, or never was. */
export const noSuchBucket = (reason = 'no_such_bucket'): S3Fault =>
  new S3Fault('NoSuchBucket', reason, 'The specified bucket does not exist.');

export const bucketAlreadyExists = (): S3Fault =>
  new S3Fault('BucketAlreadyExists', 'bucket_taken', 'This name is taken. Choose another: all clients share them.');

/** Of what a name may have, XML has all but these. */
const noXml = /[\ufffe\uffff]/g;

/**
 * S3's error document. The message is never empty: aws-cli 2.9 dies of that.
 * @param more further elements, as S3 has them for some codes, in order
 */
export function errorDocument(
  error: { readonly code: string; readonly message: string },
  about: { readonly resource: string; readonly requestId: string },
  more: readonly (readonly [name: string, text: string])[] = [],
): string {
  const fields: (readonly [string, string])[] = [
    ['Code', error.code],
    ['Message', error.message === '' ? error.code : error.message],
    ...more,
    ['Resource', about.resource],
    ['RequestId', about.requestId],
  ];
  const inner = fields
    .map(([name, text]) => `<${name}>${escapeXml(text.replaceAll(noXml, '\ufffd'))}</${name}>`)
    .join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${inner}</Error>`;
}
