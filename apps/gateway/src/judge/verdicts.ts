import { Refusal } from '@portcullis/contracts';
import { type TokenError } from '@portcullis/credentials';
import { type Tag } from '@portcullis/enforcement';
import { notValid } from '../credential/presented.js';
import { type Identity } from '../judgement.js';

/** A credential that is refused. `reason` is for the audit record, as is whose it was. */
export function refused(
  clientIp: string,
  refusal: Refusal,
  reason: string,
  credential?: { id: string; organization_id: string | null },
): Identity {
  return {
    kind: 'refused',
    clientIp,
    refusal,
    reason,
    organizationId: credential?.organization_id ?? null,
    credentialId: credential?.id ?? null,
  };
}

/** The marker names one thing; it is told for the audit record, and not to whoever presents the credential. */
export function blocked(clientIp: string, name: Tag): Identity {
  const colon = name.indexOf(':');
  const [scope, id] = [name.slice(0, colon), name.slice(colon + 1)];
  const identity = refused(clientIp, notValid(), `${scope.replaceAll('-', '_')}_blocked`);
  if (identity.kind !== 'refused') return identity;
  return {
    ...identity,
    organizationId: scope === 'organization' ? id : null,
    credentialId: scope === 'credential' || scope === 'family' ? id : null,
  };
}

export function unavailable(clientIp: string, cause: unknown): Identity {
  const message = 'Portcullis cannot check the credential at this moment. Try again shortly.';
  const refusal = new Refusal('unavailable', message, { cause, retryAfterSeconds: 1 });
  return refused(clientIp, refusal, 'unavailable');
}

export function tokenRefusal({ code }: TokenError): Refusal {
  if (code === 'expired') return tokenExpired();
  if (code === 'not_yet_valid') return new Refusal('token_not_yet_valid', 'The token is not valid yet.');
  return notValid();
}

export const tokenExpired = (): Refusal => new Refusal('token_expired', 'The token has expired.');

export const mismatch = (): Refusal =>
  new Refusal('organization_mismatch', 'The credential is not for the organization in X-Org-ID.');

/** One sentence for every signature that is no good: why is for the audit record. */
export const badSignature = (): Refusal => new Refusal('invalid_signature', 'The signature is not valid.');

export const elsewhere = (): Refusal =>
  new Refusal('network_not_allowed', 'This credential may not be used from this address.');

export const notBuilt = (message: string): Refusal => new Refusal('unauthenticated', message);
