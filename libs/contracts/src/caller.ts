import { z } from 'zod';
import { Principal } from './principal.js';

/** The HTTP request on whose behalf a message is sent. */
export const RequestContext = z.object({
  id: z.string(),
  client_ip: z.string(),
  user_agent: z.string().nullable(),
  idempotency_key: z.string().nullable(),
});
export type RequestContext = z.infer<typeof RequestContext>;

/**
 * Who asks, as the gateway vouches for it: rides in a message header as a signed token bound to subject and body, and is
 * verified by `bus` before a handler sees it.
 */
export const Caller = z.object({
  principal: Principal.nullable(),
  request: RequestContext,
  /** Public key (OKP X25519 JWK) to which secrets in the reply are sealed. */
  reply_key: z.object({ kty: z.literal('OKP'), crv: z.literal('X25519'), x: z.string() }),
});
export type Caller = z.infer<typeof Caller>;

/** A caller whose credential was accepted and whose organization is known. */
export type AuthenticatedCaller = Omit<Caller, 'principal'> & {
  principal: Omit<Principal, 'organization_id'> & { organization_id: string };
};
