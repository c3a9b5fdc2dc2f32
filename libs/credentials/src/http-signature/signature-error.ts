/** For the audit record and for the tool that helps signers; to a caller every refusal is 401 `invalid_signature`. */
export type SignatureErrorCode =
  /** Signature-Input, Signature or the request itself is not in the form that RFC 9421 asks for. */
  | 'malformed'
  | 'too_many'
  /** A component, or a parameter of one, that we do not know or that a request does not have. */
  | 'unsupported_component'
  | 'duplicate_component'
  /** A covered component that the request does not hold. */
  | 'missing_component'
  /** A component whose value can stand in no signature base. */
  | 'bad_component'
  /** A component that a signature must cover and this one does not. */
  | 'not_covered'
  | 'created_missing'
  | 'too_old'
  | 'not_yet_valid'
  | 'expired'
  /** No signature names a client of ours. */
  | 'unknown_key'
  /** More than one signature names a client of ours. */
  | 'ambiguous'
  | 'wrong_algorithm'
  | 'bad_digest'
  | 'bad_signature';

/** A signed request was refused. The message holds nothing of the request but labels and names of components. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';

  /** @param component the component at fault, as `"@target-uri"` without its quotes; null if it is none in particular */
  constructor(
    readonly code: SignatureErrorCode,
    readonly component: string | null,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
