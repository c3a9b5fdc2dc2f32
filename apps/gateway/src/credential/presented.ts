import { Refusal } from '@portcullis/contracts';
import { type ApiKeyParts, parseApiKey, Secret } from '@portcullis/credentials';

/** What a request presents: exactly one of these. `organizationId` is `X-Org-ID` as sent. */
export type Presented =
  | ({ readonly organizationId: string | null } & (
      | { readonly kind: 'none' }
      | { readonly kind: 'api-key'; readonly key: ApiKeyParts }
      /** Three dot-parts after `Bearer`. */
      | { readonly kind: 'access-token'; readonly token: Secret }
      /** Five. */
      | { readonly kind: 'role-token'; readonly token: Secret }
      | { readonly kind: 'signature' }
      /** What follows `Basic`, still encoded. */
      | { readonly kind: 'basic'; readonly encoded: Secret }
    ))
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal;
      readonly reason: string;
      /** A bearer credential that is none of ours. It is refused unless it is an imported key, which this file cannot know. */
      readonly foreign?: { readonly key: Secret; readonly organizationId: string | null };
    };

/**
 * The one place that decides how a request authenticates. It reads the raw headers, because Node keeps the first of two
 * and so hides the second from us but not from an upstream. Whatever is not exactly one credential, exactly written, is
 * refused; so is a request whose single-valued headers came twice, whose header names pass for others (`X_Org_Id`), whose
 * `Host` is none, or whose transfer coding is not plain `chunked`.
 *
 * The request target is no parameter: a credential in a query is ignored (presigned S3 URLs have a port of their own).
 * @param apiKeyPrefixes of our own keys; what has another may be an imported key, and is `foreign`
 */
export function presented(rawHeaders: readonly string[], apiKeyPrefixes: readonly string[]): Presented {
  const headers = new Map<string, string[]>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    // Many servers read `X_Org_Id` as `X-Org-Id`: two spellings of one header, of which we would check one.
    if (name.includes('_'))
      return malformed('underscore_header', 'A header name has an underscore. Write it with hyphens.');
    if (!looked.has(name)) continue;
    const values = headers.get(name);
    if (values) values.push(rawHeaders[at + 1] ?? '');
    else headers.set(name, [rawHeaders[at + 1] ?? '']);
  }

  const authorization = headers.get('authorization') ?? [];
  const isSigned = headers.has('signature-input') || headers.has('signature');
  if (authorization.length + (isSigned ? 1 : 0) > 1) {
    const message = 'The request presents two credentials. Send one Authorization header, or one signature.';
    return { kind: 'refused', refusal: new Refusal('ambiguous_credentials', message), reason: 'ambiguous_credentials' };
  }
  const doubled = singular.find((name) => (headers.get(name)?.length ?? 0) > 1);
  if (doubled !== undefined) return malformed('duplicate_header', `The header ${doubled} was sent twice.`);
  const host = headers.get('host')?.[0];
  if (host !== undefined && !hostAndPort.test(host))
    return malformed('host', 'The header Host is not a host and a port.');
  const coding = headers.get('transfer-encoding');
  if (coding && (coding.length > 1 || coding[0]?.toLowerCase() !== 'chunked')) {
    return malformed('transfer_coding', 'The only transfer coding is "chunked".');
  }

  const organizationId = headers.get('x-org-id')?.[0] ?? null;
  if (isSigned) {
    if (headers.has('signature-input') && headers.has('signature')) return { kind: 'signature', organizationId };
    const message = 'A signed request has both headers, Signature-Input and Signature.';
    return { kind: 'refused', refusal: new Refusal('invalid_signature', message), reason: 'half_a_signature' };
  }
  const written = authorization[0];
  if (written === undefined) return { kind: 'none', organizationId };
  const credential = readAuthorization(written, apiKeyPrefixes);
  if (!('refusal' in credential)) return { ...credential, organizationId };
  const { foreign, ...refused } = credential;
  return foreign ? { ...refused, foreign: { key: foreign, organizationId } } : refused;
}

/** Headers of which a second one would be read by somebody else. */
const singular = [
  'host',
  'content-type',
  'content-length',
  'content-digest',
  'cookie',
  'date',
  'dpop',
  'idempotency-key',
  'x-org-id',
  'x-amz-date',
  'x-amz-content-sha256',
];

/**
 * RFC 9110 section 7.2. Only its form counts: it decides nothing and does not travel on. To demand the public URL's own was
 * the road not taken: probes and balancers call a gateway by its address.
 */
const hostAndPort = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
/** Everything that is looked at here; the rest of a request's headers is only scanned. */
const looked = new Set([...singular, 'authorization', 'signature', 'signature-input', 'transfer-encoding']);

// RFC 9110 section 11.4: auth-scheme, at least one space (never a tab), then token68 or parameters.
const schemeAndRest = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?: +(.*))?$/s;
const token68 = /^[A-Za-z0-9\-._~+/]+=*$/;

function readAuthorization(written: string, apiKeyPrefixes: readonly string[]) {
  const [, scheme = '', rest = ''] = schemeAndRest.exec(written) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      if (!token68.test(rest)) return invalid('malformed');
      return readBearer(rest, apiKeyPrefixes);
    case 'basic':
      return token68.test(rest) ? { kind: 'basic' as const, encoded: Secret.of(rest) } : invalid('malformed');
    case 'aws4-hmac-sha256':
      return unsupported('S3 signatures are accepted on the S3 port only.');
    default:
      return unsupported('The Authorization header must be "Bearer", one space and the credential.');
  }
}

function readBearer(token: string, apiKeyPrefixes: readonly string[]) {
  const parts = token.split('.').length;
  if (parts === 3) return { kind: 'access-token' as const, token: Secret.of(token) };
  if (parts === 5) return { kind: 'role-token' as const, token: Secret.of(token) };
  const key = parseApiKey(token);
  if (key && apiKeyPrefixes.includes(key.prefix)) return { kind: 'api-key' as const, key };
  // What begins like ours is one of ours mistyped, and nobody need be asked about it.
  if (apiKeyPrefixes.some((prefix) => token.startsWith(`${prefix}_`))) return invalid('malformed');
  return { ...invalid(key ? 'foreign_prefix' : 'malformed'), foreign: Secret.of(token) };
}

/** The same words for every bearer credential that is no good: why is for the audit record (RFC 8725, RFC 6750 section 3.1). */
export const notValid = (): Refusal => new Refusal('invalid_token', 'The credential is not valid.');

/** `foreign`: unless it is imported. */
interface Invalid {
  kind: 'refused';
  refusal: Refusal;
  reason: string;
  foreign?: Secret;
}

const invalid = (reason: string): Invalid => ({ kind: 'refused', refusal: notValid(), reason });

const unsupported = (message: string): Invalid => ({
  kind: 'refused',
  refusal: new Refusal('unauthenticated', message),
  reason: 'unsupported_scheme',
});

const malformed = (reason: string, message: string): Presented => ({
  kind: 'refused',
  refusal: new Refusal('invalid_request', message),
  reason,
});
