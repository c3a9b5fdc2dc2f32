import { Injectable } from '@nestjs/common';
import { type ApiKeyRecord, Refusal } from '@portcullis/contracts';
import { CredentialChanges, Database } from '@portcullis/persistence';
import { ApiKeyStore, type NewSecret } from './api-key.store.js';
import { ConfirmKeyChange } from './confirm-key-change.js';
import { type KeyColumns, KeyChangeStore, type LockedKey } from './key-change.store.js';

/** What is to be written of one key. */
export interface KeyWrite {
  columns?: KeyColumns;
  /** New secrets, and when the ones before them end. */
  secrets?: { add: readonly NewSecret[]; others: { at: Date; cut: boolean } };
}

/** How every change of one key goes. */
@Injectable()
export class ChangeKey extends CredentialChanges<ApiKeyRecord, LockedKey, KeyWrite> {
  constructor(database: Database, keys: ApiKeyStore, changes: KeyChangeStore, confirmKeyChange: ConfirmKeyChange) {
    super(database, {
      kind: 'api-key',
      missing: () => new Refusal('not_found', 'No such API key.'),
      lock: changes.lock.bind(changes),
      demandOpen: ({ status }) => {
        if (status !== 'revoked' && status !== 'expired') return;
        throw new Refusal('conflict', `The key is ${status}, and stays as it is. Make a new one.`);
      },
      write: async (tx, { record: { id }, generation }, { columns, secrets }) => {
        if (columns && Object.keys(columns).length > 0) await changes.write(tx, id, columns);
        if (!secrets) return;
        await changes.endSecrets(tx, id, secrets.others);
        await changes.addSecrets(tx, id, secrets.add, generation + 1);
      },
      mark: changes.mark.bind(changes),
      read: (tx, _organizationId, id) => changes.read(tx, id),
      confirm: confirmKeyChange.execute.bind(confirmKeyChange),
      enforcedAt: async (organizationId, id) => (await keys.read(organizationId, id))?.enforced_at ?? null,
    });
  }
}
