import { type Bus, Recurring } from '@portcullis/bus';
import { ApiKey, Refusal } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type KeyDebt, type KeyDebtStore } from './key-debt.store.js';

const everyMilliseconds = 1_000;
/** What was on its way when the owner left: a key whose making had begun may be written a moment after. */
const graceMilliseconds = 10_000;

/**
 * Keys of owners who are gone. Identity's own marker stops them at once; that their records say revoked is api-key's to do, and
 * what is owed is paid until it has answered. Nobody waits for it.
 */
export class KeyDebts {
  private readonly paying: Recurring;

  constructor(
    private readonly bus: Bus,
    private readonly database: Database,
    private readonly store: KeyDebtStore,
    private readonly report: (line: string) => void,
  ) {
    this.paying = new Recurring(() => this.pay(), {
      everyMilliseconds,
      mayRun: () => bus.connected,
      failed: (error) => report(`keys of owners who are gone: will try again: ${String(error)}`),
    });
  }

  /** The owner's live keys for the record, where api-key can say so in two seconds; else null. */
  async liveKeys(ownerId: string, organizationId: string): Promise<string[] | null> {
    try {
      return (await this.bus.call(ApiKey.listOwned, { owner_id: ownerId, organization_id: organizationId })).keys;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  /**
   * In the transaction of the owner's end. Owed twice: at once, and again when what was on its way has arrived. A key that is made
   * later, by a person who has come back, is not meant.
   */
  async owe(tx: Transaction, debt: Omit<KeyDebt, 'id' | 'madeBefore'>): Promise<void> {
    const now = this.database.now();
    const madeBefore = new Date(now.getTime() + graceMilliseconds);
    for (const due of [now, madeBefore]) await this.store.insert(tx, { ...debt, madeBefore }, due);
  }

  start(): void {
    this.paying.start();
  }

  stop(): Promise<void> {
    return this.paying.stop();
  }

  /** Pays what is due, soon. */
  kick(): void {
    this.paying.kick();
  }

  /** One pass over all that is due. */
  async pay(): Promise<void> {
    for (const debt of await this.store.claim()) {
      try {
        await this.bus.call(ApiKey.revokeOwned, {
          owner_id: debt.ownerId,
          organization_id: debt.organizationId,
          revoked_by: debt.revokedBy,
          because: debt.because,
          made_before: debt.madeBefore.toISOString(),
        });
        await this.store.settle(debt.id);
      } catch (error) {
        // It is due again by itself, later each time.
        if (!(error instanceof Refusal)) throw error;
        this.report(`the keys of ${debt.ownerId} are not revoked yet: ${error.code}`);
      }
    }
  }
}
