// What S3 says when it refuses: code → status and a sentence for people. Clients crash on an empty Message.
const answers = {
  AccessDenied: [403, 'The request is not signed.'],
  AuthorizationHeaderMalformed: [400, 'The Authorization header is not a well-formed AWS4-HMAC-SHA256 one.'],
  AuthorizationQueryParametersError: [400, 'The X-Amz-* query parameters are not those of a presigned URL.'],
  BadDigest: [400, 'A checksum that you sent is not that of the body that was received.'],
  BucketAlreadyOwnedByYou: [409, 'The bucket exists already, and it is yours.'],
  BucketNotEmpty: [409, 'The bucket is not empty.'],
  EntityTooLarge: [400, 'The body is larger than this store takes.'],
  IllegalLocationConstraintException: [400, 'This store has one region; LocationConstraint names another.'],
  InternalError: [500, 'Something went wrong in the store; its log says what.'],
  InvalidAccessKeyId: [403, 'The access key id is not known.'],
  InvalidArgument: [400, 'An argument is not valid.'],
  InvalidBucketName: [
    400,
    'A bucket name has 3 to 63 of a-z, 0-9, "-" and ".", and begins and ends with a letter or digit.',
  ],
  InvalidDigest: [400, 'Content-MD5 or a checksum is not the base64 of the right number of bytes.'],
  InvalidPart: [400, 'A part was not uploaded, or its ETag is another.'],
  InvalidPartOrder: [400, 'Parts must be listed by rising number.'],
  InvalidRange: [416, 'The range lies outside the object.'],
  InvalidRequest: [400, 'The request is not valid.'],
  InvalidStorageClass: [400, 'STANDARD is the only storage class here.'],
  InvalidTag: [
    400,
    'Tags are at most 10, each with a key of its own of at most 128 characters and a value of at most 256.',
  ],
  InvalidURI: [400, 'The path is not valid percent-encoded UTF-8.'],
  KeyTooLongError: [400, 'A key has at most 1024 bytes.'],
  MalformedPolicy: [400, 'The policy is not JSON.'],
  MalformedXML: [400, 'The XML is not well-formed, or not what this operation reads.'],
  MetadataTooLarge: [400, 'User metadata has at most 2 KB.'],
  MethodNotAllowed: [405, 'The method is not allowed here.'],
  NoSuchBucket: [404, 'The bucket does not exist.'],
  NoSuchBucketPolicy: [404, 'The bucket has no policy.'],
  NoSuchCORSConfiguration: [404, 'The bucket has no CORS configuration.'],
  NoSuchKey: [404, 'The key does not exist.'],
  NoSuchLifecycleConfiguration: [404, 'The bucket has no lifecycle configuration.'],
  NoSuchPublicAccessBlockConfiguration: [404, 'The bucket has no public access block.'],
  NoSuchTagSet: [404, 'The bucket has no tags.'],
  NoSuchUpload: [404, 'The upload does not exist: it was completed or aborted, or never begun.'],
  NoSuchWebsiteConfiguration: [404, 'The bucket has no website configuration.'],
  NotImplemented: [501, 'This store does not do that: it is for trying out.'],
  ObjectLockConfigurationNotFoundError: [404, 'The bucket has no object lock configuration.'],
  OwnershipControlsNotFoundError: [404, 'The bucket has no ownership controls.'],
  PreconditionFailed: [412, 'A condition of the request does not hold.'],
  ReplicationConfigurationNotFoundError: [404, 'The bucket has no replication configuration.'],
  RequestTimeTooSkewed: [403, 'The date of the request is more than 15 minutes away from the clock of the store.'],
  ServerSideEncryptionConfigurationNotFoundError: [404, 'The bucket has no encryption configuration.'],
  SignatureDoesNotMatch: [403, 'The signature is not that of this request under the secret of this access key.'],
  XAmzContentSHA256Mismatch: [400, 'x-amz-content-sha256 is not the digest of the body that was received.'],
};

/** A refusal as S3 words it. `details` become elements of the XML. */
export class S3Fault extends Error {
  constructor(code, message = answers[code][1], details = {}) {
    super(message);
    this.code = code;
    this.status = answers[code][0];
    this.details = details;
  }
}
