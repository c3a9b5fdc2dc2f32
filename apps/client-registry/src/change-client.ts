import { Injectable } from '@nestjs/common';
import { type ClientRecord, Refusal } from '@portcullis/contracts';
import { CredentialChanges, Database } from '@portcullis/persistence';
import { ClientChangeStore, type ClientColumns, type LockedClient } from './client-change.store.js';
import { type ClientKey, ClientStore } from './client.store.js';
import { ConfirmClientChange } from './confirm-client-change.js';

/** What is to be written of one client. */
export interface ClientWrite {
  columns?: ClientColumns;
  /** A key that takes the place of the others, and when those end. */
  key?: { add: ClientKey; othersEnd: { at: Date; cut: boolean } };
}

/** How every change of one client goes. */
@Injectable()
export class ChangeClient extends CredentialChanges<ClientRecord, LockedClient, ClientWrite> {
  constructor(
    database: Database,
    clients: ClientStore,
    changes: ClientChangeStore,
    confirmChange: ConfirmClientChange,
  ) {
    super(database, {
      kind: 'client',
      missing: noSuchClient,
      lock: changes.lock.bind(changes),
      demandOpen: ({ status }) => {
        if (status !== 'revoked') return;
        throw new Refusal('conflict', 'The client is revoked, and stays as it is. Make a new one.');
      },
      write: async (tx, { record: { id } }, { columns, key }) => {
        if (columns) await changes.write(tx, id, columns);
        if (key) await changes.replaceKeys(tx, id, key.add, key.othersEnd);
      },
      mark: changes.mark.bind(changes),
      read: changes.read.bind(changes),
      confirm: (change, origin) => confirmChange.execute({ ...change, isEnd: false }, origin),
      enforcedAt: async (organizationId, id) => (await clients.read(organizationId, id))?.enforced_at ?? null,
    });
  }
}

export const noSuchClient = (): Refusal => new Refusal('not_found', 'No such client.');
