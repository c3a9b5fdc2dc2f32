import { type Ack, type AuthorityReply, type EnforcerMessage, type MarkerNotice } from '@portcullis/enforcement';
import { z } from 'zod';

/**
 * The shapes of what crosses the bus for `enforcement`, which knows their meaning. A message that is not of its shape is as good as
 * lost: the protocol bears that, and a made-up one must not get as far as its state.
 */
const count = z.number().int().nonnegative();
const id = z.string().min(1).max(128);

const marker = z.object({
  seq: count,
  scope: z.enum(['credential', 'principal', 'organization', 'family', 'token', 'signing-key', 'role-tokens', 'bucket']),
  id: z.string().max(256),
  effect: z.enum(['refresh', 'drop', 'block', 'lift', 'epoch']),
  keepMs: count.optional(),
  epoch: count.optional(),
});

const acknowledgement = z.object({
  kind: z.literal('ack'),
  enforcerId: id,
  incarnation: count,
  appliedThrough: count,
  history: z.string(),
});

export const Acknowledgement: z.ZodType<Ack> = acknowledgement;

export const ExchangeMessage: z.ZodType<EnforcerMessage> = z.discriminatedUnion('kind', [
  acknowledgement,
  z.object({ kind: z.literal('join'), enforcerId: id, incarnation: count }),
  z.object({
    kind: z.literal('renew'),
    enforcerId: id,
    incarnation: count,
    appliedThrough: count,
    history: z.string().optional(),
  }),
  z.object({ kind: z.literal('deregister'), enforcerId: id, incarnation: count }),
]);

export const ExchangeReply: z.ZodType<AuthorityReply> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('joined') }),
  z.object({ kind: z.literal('noted') }),
  z.object({ kind: z.literal('rejoin'), reason: z.enum(['unknown', 'fenced', 'incarnation', 'history']) }),
  z.object({
    kind: z.literal('renewed'),
    history: z.string(),
    seq: count,
    markers: z.array(marker),
    leaseMs: count,
  }),
]);

export const Markers = z.object({ history: z.string(), markers: z.array(marker) }) as z.ZodType<MarkerNotice>;

/** For each revocation that waited for an enforcer, how long after its commit it was heard that it obeys: milliseconds. */
export const Waited = z.array(z.number().nonnegative()).max(1_000);
