import { type Action } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { KeyWatchStore, type WatchedKey } from './key-watch.store.js';

/** Days before the end at which a key is told of, the nearest first. */
const thresholds = [1, 7, 30];
const pageSize = 100;

/**
 * Tells of keys that are about to end and of keys that nobody uses, by an event, once for each threshold. The note that it was told
 * and the event are one transaction, and rows that another replica is at are passed over: none is told of twice.
 */
export class KeyWatch {
  private readonly store: KeyWatchStore;

  constructor(
    private readonly database: Database,
    private readonly unusedDays: number,
  ) {
    this.store = new KeyWatchStore(database);
  }

  /** Everything that is due now. */
  async run(): Promise<void> {
    for (const days of thresholds) {
      await this.tell('api-key.expiring', days, (tx) => this.store.takeExpiring(tx, days, pageSize));
    }
    await this.tell('api-key.unused', this.unusedDays, (tx) => this.store.takeUnused(tx, this.unusedDays, pageSize));
  }

  private async tell(action: Action, days: number, take: (tx: Transaction) => Promise<WatchedKey[]>): Promise<void> {
    for (;;) {
      const taken = await this.database.transaction(async (tx) => {
        const keys = await take(tx);
        await tx.oweAll(
          keys.map(({ id, organizationId, name, owner, expiresAt, lastUsedAt }) => ({
            organization_id: organizationId,
            action,
            resource: { kind: 'api-key', id },
            details: {
              name,
              owner,
              days,
              expires_at: expiresAt?.toISOString() ?? null,
              last_used_at: lastUsedAt?.toISOString() ?? null,
            },
          })),
        );
        return keys.length;
      });
      if (taken < pageSize) return;
    }
  }
}
