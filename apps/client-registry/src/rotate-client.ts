import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, ClientRegistry, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { ChangeClient } from './change-client.js';
import { demandMayGive, publicKeyOf, warningsOf } from './client-rules.js';
import { ClientStore } from './client.store.js';

/** Keys of a client that are good at the same time. */
const mostLive = 5;

/** Another public key for a client. The old ones are good for the overlap and no longer. */
@Injectable()
export class RotateClient {
  constructor(
    private readonly database: Database,
    private readonly policy: PolicyFile,
    private readonly clients: ClientStore,
    private readonly changeClient: ChangeClient,
  ) {}

  execute(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof ClientRegistry.rotate>,
  ): Promise<ReplyOf<typeof ClientRegistry.rotate>> {
    const { overlap_seconds: overlapSeconds } = request;
    const { subject: operation } = ClientRegistry.rotate;
    return this.changeClient.execute(
      caller,
      { operation, request },
      async ({ record, fingerprints, changedSeq, changeEnforced }, tx) => {
        // Whoever has the new key is the client from then on. It is looked at once it is known whose it is to be.
        demandMayGive(this.policy.current.lattice, caller, record);
        const add = publicKeyOf(request.public_key);
        const isCurrent = record.public_key.fingerprint === add.fingerprint;
        // A repeat of a call that was not confirmed. Without others there is nothing that it would end.
        if (
          isCurrent &&
          overlapSeconds === 0 &&
          record.public_keys.length === 1 &&
          changedSeq !== null &&
          !changeEnforced
        ) {
          return { unchanged: 'confirm', shown: { warnings: [] } };
        }
        if (fingerprints.includes(add.fingerprint)) {
          throw new Refusal('unprocessable', 'This client has or had that very key. Make a new key pair.', {
            errors: [{ field: 'public_key', message: 'must be a key that this client never had' }],
          });
        }
        if (overlapSeconds > 0 && record.public_keys.length >= mostLive) {
          throw new Refusal(
            'conflict',
            `${mostLive} keys of this client are good at the same time already. Wait until one ends, or rotate with overlap_seconds 0.`,
          );
        }
        const now = this.database.now();
        const othersEndAt = new Date(now.getTime() + overlapSeconds * 1000);
        const others = await this.clients.alsoWith(tx, record.account_id, add.fingerprint, record.id);
        return {
          columns: { rotated_at: now },
          key: { add, othersEnd: { at: othersEndAt, cut: overlapSeconds === 0 } },
          effect: overlapSeconds === 0 ? 'drop' : 'refresh',
          onlyTakesAway: false, // there is a new key
          event: {
            action: 'client.rotated',
            details: {
              overlap_seconds: overlapSeconds,
              public_key: { fingerprint: add.fingerprint, algorithm: add.algorithm },
              replaced: record.public_keys.map(({ fingerprint }) => fingerprint),
              old_keys_end_at: othersEndAt.toISOString(),
            },
          },
          shown: { warnings: warningsOf(others) },
        };
      },
    );
  }
}
