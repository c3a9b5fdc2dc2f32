import { s3SigningKey } from '../src/sigv4/canonical-request.js';
import { readS3Signature, type ReadS3Signature, type S3RequestHead } from '../src/sigv4/read-signature.js';
import { S3Fault } from '../src/sigv4/s3-fault.js';
import { Secret } from '../src/secret.js';
import { now, region, secretText } from './s3-requests.js';

export const options: ReadS3Signature = { now, region, allowUnsignedPayload: true };
export const key = s3SigningKey(Secret.of(secretText), '20261128', region);
export const minutes = (count: number): Date => new Date(now.getTime() + count * 60_000);

export function verifies(head: S3RequestHead, also: Partial<ReadS3Signature> = {}): boolean {
  return readS3Signature(head, { ...options, ...also })?.verify(key) ?? false;
}

export function faultOf(head: S3RequestHead, also: Partial<ReadS3Signature> = {}): S3Fault {
  try {
    readS3Signature(head, { ...options, ...also });
  } catch (fault) {
    if (fault instanceof S3Fault) return fault;
    throw fault;
  }
  throw new Error('It was taken.');
}
