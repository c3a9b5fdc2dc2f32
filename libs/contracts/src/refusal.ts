import { z } from 'zod';

/** The closed list of codes. Add one when a caller would act differently, not to narrate. The gateway maps each to a status. */
export const errorCodes = [
  'invalid_request',
  'invalid_cursor',
  'ambiguous_credentials',
  'unauthenticated',
  'invalid_credentials',
  'invalid_token',
  'token_expired',
  'token_not_yet_valid',
  'invalid_signature',
  'forbidden',
  'exceeds_grant',
  'organization_mismatch',
  'organization_required',
  'network_not_allowed',
  'needs_gateway',
  'not_found',
  'method_not_allowed',
  'conflict',
  'idempotency_in_progress',
  'request_timeout',
  'too_large',
  'headers_too_large',
  'unsupported_media_type',
  'unprocessable',
  'idempotency_key_reused',
  'rate_limited',
  'enforcement_pending',
  'audit_unavailable',
  'unavailable',
  'upstream_unreachable',
  'upstream_timeout',
  'internal',
] as const;
export const ErrorCode = z.enum(errorCodes);
export type ErrorCode = z.infer<typeof ErrorCode>;

export const FieldFault = z.object({ field: z.string(), message: z.string() });
export type FieldFault = z.infer<typeof FieldFault>;

/** Whose credential failed and why, as the audit record says it; `reason` is a closed word such as `wrong_secret`. */
export const FailedCredential = z.object({
  reason: z.string(),
  organization_id: z.string().nullable(),
  credential_id: z.string().nullable(),
});
export type FailedCredential = z.infer<typeof FailedCredential>;

/** What of a refusal crosses the bus. `failed_credential` goes to the gateway, which records it, and no further. */
export const RefusalMessage = z.object({
  code: ErrorCode,
  message: z.string(),
  errors: z.array(FieldFault).optional(),
  retry_after_seconds: z.number().int().positive().optional(),
  failed_credential: FailedCredential.optional(),
});
export type RefusalMessage = z.infer<typeof RefusalMessage>;

/**
 * An expected "no". The code is for programs, the public message is safe for anyone and says what to do, the cause is for
 * the log of the service that refused and never crosses the bus. Answers such as "this key is expired" are values, not refusals.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly errors: readonly FieldFault[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly failedCredential: FailedCredential | undefined;

  constructor(
    readonly code: ErrorCode,
    readonly publicMessage: string,
    options: {
      cause?: unknown;
      errors?: readonly FieldFault[];
      retryAfterSeconds?: number;
      failedCredential?: FailedCredential;
    } = {},
  ) {
    super(publicMessage, options.cause === undefined ? undefined : { cause: options.cause });
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.failedCredential = options.failedCredential;
  }

  toMessage(): RefusalMessage {
    return {
      code: this.code,
      message: this.publicMessage,
      ...(this.errors ? { errors: [...this.errors] } : {}),
      ...(this.retryAfterSeconds ? { retry_after_seconds: this.retryAfterSeconds } : {}),
      ...(this.failedCredential ? { failed_credential: this.failedCredential } : {}),
    };
  }

  static from(message: RefusalMessage): Refusal {
    return new Refusal(message.code, message.message, {
      ...(message.errors ? { errors: message.errors } : {}),
      ...(message.retry_after_seconds ? { retryAfterSeconds: message.retry_after_seconds } : {}),
      ...(message.failed_credential ? { failedCredential: message.failed_credential } : {}),
    });
  }
}

/** A request may have a hundred thousand faults, and the answer to it must not be larger than itself. */
const mostFaults = 20;
const longestField = 100;

/**
 * Turns what a schema disliked into one refusal that names each field, up to twenty. Values are never repeated: they may be
 * secrets.
 */
export function refuseFaults(error: z.ZodError): Refusal {
  const errors = error.issues
    .flatMap((issue): FieldFault[] => {
      const at = issue.path.map(String).join('.');
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => ({
          field: at ? `${at}.${key}` : key,
          message: 'is not a field of this request',
        }));
      }
      return [{ field: at || '(body)', message: issue.message }];
    })
    .slice(0, mostFaults)
    .map(({ field, message }) => ({
      field: field.length > longestField ? `${field.slice(0, longestField)}…` : field,
      message,
    }));
  const named = errors.map((fault) => `${fault.field}: ${fault.message}`).join('; ');
  return new Refusal('invalid_request', `The request has ${errors.length === 1 ? 'a fault' : 'faults'}: ${named}.`, {
    errors,
  });
}
