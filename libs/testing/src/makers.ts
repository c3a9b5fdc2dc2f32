import { type AuthenticatedCaller, newId, type Principal } from '@portcullis/contracts';

/** A principal of a fresh organization that holds what the spec says, and nothing else. */
export function aPrincipal(given: Partial<Principal> = {}): Principal & { organization_id: string } {
  const now = new Date();
  return {
    kind: 'user',
    id: newId('usr', now),
    credential_id: newId('tok', now),
    roles: [],
    permissions: [],
    resources: {},
    networks: null,
    expires_at: null,
    ...given,
    organization_id: given.organization_id ?? newId('org', now),
  };
}

/** A caller as the gateway would vouch for it. Replies are sealed to `replyKey` (an X25519 JWK) where the spec reads them. */
export function aCaller(
  given: Partial<Principal> = {},
  request: { idempotencyKey?: string; replyKey?: AuthenticatedCaller['reply_key'] } = {},
): AuthenticatedCaller {
  return {
    principal: aPrincipal(given),
    request: {
      id: newId('req', new Date()),
      client_ip: '127.0.0.1',
      user_agent: null,
      idempotency_key: request.idempotencyKey ?? null,
    },
    reply_key: request.replyKey ?? { kty: 'OKP', crv: 'X25519', x: 'x'.repeat(43) },
  };
}
