import { Injectable } from '@nestjs/common';
import {
  type Action,
  type AuthenticatedCaller,
  type ClientRecord,
  type EnforcementReceipt,
  eventOrigin,
  Refusal,
} from '@portcullis/contracts';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { ClientChangeStore, type ClientColumns, type LockedClient } from './client-change.store.js';
import { type ClientKey, ClientStore } from './client.store.js';
import { ConfirmClientChange } from './confirm-client-change.js';

/** What is to be done with one client. */
export interface Change<Shown extends object> {
  columns?: ClientColumns;
  /** A key that takes the place of the others, and when those end. */
  key?: { add: ClientKey; othersEnd: { at: Date; cut: boolean } };
  /** `drop`: something is taken away; `refresh`: gateways judge by something else; null: nothing that they look at. */
  effect: 'drop' | 'refresh' | null;
  event: { action: Action; details?: Record<string, unknown> };
  /** What the answer has beside the record. */
  shown: Shown;
}

/** Nothing is to be done, because it was done before: `confirm` says again how that came into force. */
export interface Unchanged<Shown extends object> {
  unchanged: 'confirm' | 'say nothing';
  shown: Shown;
}

type Decide<Shown extends object> = (
  client: LockedClient,
  tx: Transaction,
) => Change<Shown> | Unchanged<Shown> | Promise<Change<Shown> | Unchanged<Shown>>;

interface Made<Shown> {
  record: ClientRecord;
  seq: number | null;
  isRevocation: boolean;
  shown: Shown;
}

/**
 * How every change of one client goes: the row is locked, so that two at once come one after the other; change, event and marker
 * are one transaction; the answer waits until every live gateway goes by it or is fenced.
 */
@Injectable()
export class ChangeClient {
  constructor(
    private readonly database: Database,
    private readonly clients: ClientStore,
    private readonly changes: ClientChangeStore,
    private readonly confirmChange: ConfirmClientChange,
  ) {}

  async execute<Shown extends object>(
    caller: AuthenticatedCaller,
    { operation, request }: { operation: string; request: { id: string } },
    decide: Decide<Shown>,
  ): Promise<ClientRecord & Shown & { enforcement: EnforcementReceipt | null }> {
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation, body: request, hmacKey, now: this.database.now() };
    const made = await this.database.transaction((tx) =>
      once(tx, about, () => this.change(tx, caller, request.id, decide)),
    );
    const { record, seq, isRevocation, shown } = made;
    if (seq === null) return { ...record, ...shown, enforcement: null };
    const { id, account_id: organizationId } = record;
    const committed = { id, organizationId, seq, isRevocation, isEnd: false };
    const enforcement = await this.confirmChange.execute(committed, eventOrigin(caller));
    const now = await this.clients.read(organizationId, id);
    return { ...record, enforced_at: now?.enforced_at ?? null, ...shown, enforcement };
  }

  private async change<Shown extends object>(
    tx: Transaction,
    caller: AuthenticatedCaller,
    id: string,
    decide: Decide<Shown>,
  ): Promise<Made<Shown>> {
    const { organization_id: organizationId } = caller.principal;
    const client = await this.changes.lock(tx, organizationId, id);
    if (!client) throw noSuchClient();
    if (client.record.status === 'revoked') {
      throw new Refusal('conflict', 'The client is revoked, and stays as it is. Make a new one.');
    }
    const change = await decide(client, tx);
    if ('unchanged' in change) {
      const seq = change.unchanged === 'confirm' ? client.changedSeq : null;
      return { record: client.record, seq, isRevocation: false, shown: change.shown };
    }
    if (change.columns) await this.changes.write(tx, id, change.columns);
    if (change.key) await this.changes.replaceKeys(tx, id, change.key.add, change.key.othersEnd);
    await tx.owe({
      organization_id: organizationId,
      resource: { kind: 'client', id },
      ...eventOrigin(caller),
      ...change.event,
    });
    const seq = change.effect === null ? null : await this.changes.mark(tx, id, change.effect);
    const record = await this.changes.read(tx, organizationId, id);
    return { record, seq, isRevocation: change.effect === 'drop', shown: change.shown };
  }
}

export const noSuchClient = (): Refusal => new Refusal('not_found', 'No such client.');
