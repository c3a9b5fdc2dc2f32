import { Refusal } from '@portcullis/contracts';
import { S3Fault } from '@portcullis/credentials';

/** A refusal of ours in S3's words. */
export function faultOfRefusal(refusal: Refusal): S3Fault {
  const { publicMessage: message } = refusal;
  const options = { cause: refusal };
  switch (refusal.code) {
    case 'invalid_token':
    case 'token_expired':
      // One sentence for unknown, revoked, disabled and expired.
      return new S3Fault(
        'InvalidAccessKeyId',
        'invalid_access_key',
        'The access key does not exist, or is no longer good.',
      );
    case 'invalid_signature':
      return new S3Fault(
        'SignatureDoesNotMatch',
        'wrong_signature',
        'The signature does not hold. Check the secret access key, and what is signed against what is sent.',
      );
    case 'network_not_allowed':
    case 'forbidden':
    case 'exceeds_grant':
    case 'organization_mismatch':
    case 'organization_required':
      return new S3Fault('AccessDenied', refusal.code, message, {}, options);
    case 'not_found':
      return new S3Fault('NoSuchBucket', 'no_such_bucket', 'The specified bucket does not exist.');
    case 'invalid_request':
    case 'unprocessable':
    case 'conflict':
      return new S3Fault('InvalidRequest', refusal.code, message, {}, options);
    case 'rate_limited':
      return new S3Fault('SlowDown', refusal.code, message);
    case 'too_large':
      return new S3Fault('EntityTooLarge', refusal.code, message);
    case 'unavailable':
    case 'enforcement_pending':
    case 'audit_unavailable':
      return new S3Fault('ServiceUnavailable', refusal.code, message, {}, options);
    default:
      return new S3Fault('InternalError', refusal.code, message, {}, options);
  }
}

/** What storage says no to, as a refusal of the REST routes. */
export function refusalOfFault(fault: { readonly code: string; readonly message: string }): Refusal {
  switch (fault.code) {
    case 'NoSuchBucket':
      return new Refusal('not_found', 'There is no such bucket.');
    case 'BucketNotEmpty':
      return new Refusal('conflict', 'The bucket is not empty. Delete its objects first.');
    case 'BucketAlreadyOwnedByYou':
      return new Refusal('conflict', 'Your organization has this bucket already.');
    case 'BucketAlreadyExists':
      return new Refusal('conflict', fault.message);
    case 'InvalidBucketName':
      return new Refusal('invalid_request', fault.message, {
        errors: [{ field: 'name', message: 'is no bucket name' }],
      });
    case 'AccessDenied':
      return new Refusal('forbidden', fault.message);
    default:
      return new Refusal('unavailable', fault.message, { retryAfterSeconds: 1 });
  }
}
