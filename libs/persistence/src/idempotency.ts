import { createHmac } from 'node:crypto';
import { type AuthenticatedCaller, Refusal } from '@portcullis/contracts';
import { type Transaction } from './database.js';

const keptHours = 24;

/**
 * Runs a mutation once per (principal, operation, Idempotency-Key) within a day. A repeat gets the first answer, as `remember` let it
 * be kept: without its secrets. Another body under the same key is refused, and so is a repeat while the first still runs.
 * Of the body only an HMAC is kept.
 *
 * Without an Idempotency-Key it just runs.
 */
export async function once<Reply extends object>(
  tx: Transaction,
  about: { caller: AuthenticatedCaller; operation: string; body: unknown; hmacKey: Buffer; now: Date },
  run: () => Promise<Reply>,
  remember: (reply: Reply) => object = (reply) => reply,
): Promise<Reply> {
  const key = about.caller.request.idempotency_key;
  if (key === null) return run();
  const principal = `${about.caller.principal.organization_id}/${about.caller.principal.id}`;
  const identity = [principal, about.operation, key];
  const bodyHmac = createHmac('sha256', about.hmacKey).update(JSON.stringify(about.body)).digest('hex');

  const [locked] = await tx.manager.query<{ free: boolean }[]>(
    'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as free',
    [`idempotency:${JSON.stringify(identity)}`],
  );
  if (!locked?.free) {
    throw new Refusal('idempotency_in_progress', 'The first request with this Idempotency-Key is still running.', {
      retryAfterSeconds: 1,
    });
  }
  const [kept] = await tx.manager.query<{ body_hmac: string; reply: Reply; created_at: Date }[]>(
    'select body_hmac, reply, created_at from idempotency where principal = $1 and operation = $2 and key = $3',
    identity,
  );
  const oldest = new Date(about.now.getTime() - keptHours * 3_600_000);
  if (kept && kept.created_at > oldest) {
    if (kept.body_hmac !== bodyHmac) {
      throw new Refusal(
        'idempotency_key_reused',
        'This Idempotency-Key was used with another body. Use a new key for a new request.',
      );
    }
    return kept.reply;
  }
  const reply = await run();
  await tx.manager.query('delete from idempotency where created_at <= $1', [oldest]);
  await tx.manager.query(
    `insert into idempotency (principal, operation, key, body_hmac, reply, created_at) values ($1, $2, $3, $4, $5, $6)`,
    [...identity, bodyHmac, remember(reply), about.now],
  );
  return reply;
}
