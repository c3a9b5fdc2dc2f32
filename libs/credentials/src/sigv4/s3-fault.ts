/** The HTTP status that S3 gives with each of its error codes that a gateway of ours uses (S3 API Reference, Error responses). */
const statuses = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BucketAlreadyExists: 409,
  BucketAlreadyOwnedByYou: 409,
  EntityTooLarge: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidDigest: 400,
  InvalidRequest: 400,
  InvalidToken: 400,
  InvalidURI: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NotImplemented: 501,
  RequestTimeTooSkewed: 403,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  XAmzContentSHA256Mismatch: 400,
} as const;

export type S3FaultCode = keyof typeof statuses;

/**
 * A request that is answered with an error in S3's XML. The message is for people: never empty (aws-cli 2.9 crashes on an
 * empty one), says what to do, and holds of the request no more than names of headers and parameters.
 */
export class S3Fault extends Error {
  override readonly name = 'S3Fault';
  /** What S3 answers with this code. */
  readonly status: number;

  constructor(
    readonly code: S3FaultCode,
    /** For the audit record, in snake_case: finer than the code. */
    readonly reason: string,
    message: string,
    /** Further elements of the XML, such as Region, by which SDKs mend their own settings. */
    readonly elements: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = statuses[code];
  }
}
