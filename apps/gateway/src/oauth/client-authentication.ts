import { decodeBase64, decodeUnverifiedClaims, Secret, sha256Hex } from '@portcullis/credentials';
import { z } from 'zod';
import { presented } from '../credential/presented.js';
import { decodeForm } from '../form-body.js';
import { invalidClient, invalidRequest } from './oauth-error.js';

/** RFC 7523 section 2.2. */
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** How a client says who it is, where it does not by `Authorization: Basic`. */
export const clientParameters = {
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  client_assertion_type: z.literal(assertionType).optional(),
  client_assertion: z.string().optional(),
};

/** Who a client says that it is, and by what it would prove it. */
export type PresentedClient =
  | { readonly clientId: string; readonly secretSha256: string; readonly isBasic: boolean }
  | { readonly assertion: Secret; readonly isBasic: false };

/**
 * How a client says who it is: in one way, and not in two (RFC 6749 section 2.3). Whether it is that client is not asked here. Throws
 * `OAuthError`: `invalid_request` where it is said twice or in another form, `invalid_client` where it is not said.
 */
export function clientOf(rawHeaders: readonly string[], form: ReadonlyMap<string, string>): PresentedClient {
  const header = presented(rawHeaders, []);
  const hasHeader = header.kind !== 'none';
  const [id, secret] = [form.get('client_id'), form.get('client_secret')];
  const [type, assertion] = [form.get('client_assertion_type'), form.get('client_assertion')];
  const ways = [hasHeader, secret !== undefined, type !== undefined || assertion !== undefined];
  if (ways.filter(Boolean).length > 1) throw invalidRequest('A client authenticates itself in one way.');
  if (hasHeader && header.kind !== 'basic') throw invalidClient(false);
  if (header.kind === 'basic') return basicOf(header.encoded, id);
  if (assertion !== undefined || type !== undefined) {
    if (type !== assertionType || assertion === undefined) {
      throw invalidRequest(`A client_assertion is of the type ${assertionType}.`);
    }
    const { sub } = decodeUnverifiedClaims(assertion);
    if (id !== undefined && id !== sub) throw invalidClient(false);
    return { assertion: Secret.of(assertion), isBasic: false };
  }
  if (id === undefined || secret === undefined) throw invalidClient(false);
  return { clientId: id, secretSha256: sha256Hex(secret), isBasic: false };
}

/** RFC 6749 section 2.3.1: both halves are written as a form has them, before base64. */
function basicOf(encoded: Secret, idInForm: string | undefined): PresentedClient {
  const bytes = decodeBase64(encoded.reveal());
  const text = bytes && Buffer.from(bytes).toString('latin1');
  const colon = text?.indexOf(':') ?? -1;
  const id = colon < 0 ? null : decodeForm(text?.slice(0, colon) ?? '');
  const secret = colon < 0 ? null : decodeForm(text?.slice(colon + 1) ?? '');
  if (id === null || secret === null || id === '' || (idInForm !== undefined && idInForm !== id))
    throw invalidClient(true);
  return { clientId: id, secretSha256: sha256Hex(secret), isBasic: true };
}
