import { Injectable } from '@nestjs/common';
import {
  type Action,
  type ApiKeyRecord,
  type AuthenticatedCaller,
  type EnforcementReceipt,
  eventOrigin,
  Refusal,
} from '@portcullis/contracts';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { ApiKeyStore, type NewSecret } from './api-key.store.js';
import { ConfirmKeyChange } from './confirm-key-change.js';
import { type KeyColumns, KeyChangeStore, type LockedKey } from './key-change.store.js';

/** What is to be done with one key. */
export interface Change<Shown extends object> {
  columns?: KeyColumns;
  /** New secrets, and when the ones before them end. */
  secrets?: { add: readonly NewSecret[]; others: { at: Date; cut: boolean } };
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

export type Changed<Shown extends object> = ApiKeyRecord & Shown & { enforcement: EnforcementReceipt | null };

interface Made<Shown> {
  record: ApiKeyRecord;
  seq: number | null;
  isRevocation: boolean;
  shown: Shown;
}

/**
 * How every change of one key goes: the row is locked, so that two at once come one after the other; change, event and marker are
 * one transaction; the answer waits until every live gateway goes by it or is fenced.
 */
@Injectable()
export class ChangeKey {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyStore,
    private readonly changes: KeyChangeStore,
    private readonly confirmKeyChange: ConfirmKeyChange,
  ) {}

  /** @param remember what a repeat under the same Idempotency-Key is shown */
  async execute<Shown extends object>(
    caller: AuthenticatedCaller,
    { operation, request }: { operation: string; request: { id: string } },
    decide: (key: LockedKey) => Change<Shown> | Unchanged<Shown> | Promise<Change<Shown> | Unchanged<Shown>>,
    remember: (shown: Shown) => Shown = (shown) => shown,
  ): Promise<Changed<Shown>> {
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation, body: request, hmacKey, now: this.database.now() };
    const made = await this.database.transaction((tx) =>
      once(
        tx,
        about,
        () => this.change(tx, caller, request.id, decide),
        (reply) => ({ ...reply, shown: remember(reply.shown) }),
      ),
    );
    const { record, seq, shown } = made;
    if (seq === null) return { ...record, ...shown, enforcement: null };
    const { id, organization_id: organizationId } = record;
    const committed = { id, organizationId, seq, isRevocation: made.isRevocation };
    const enforcement = await this.confirmKeyChange.execute(committed, eventOrigin(caller));
    const now = await this.keys.read(organizationId, id);
    return { ...record, enforced_at: now?.enforced_at ?? null, ...shown, enforcement };
  }

  private async change<Shown extends object>(
    tx: Transaction,
    caller: AuthenticatedCaller,
    id: string,
    decide: (key: LockedKey) => Change<Shown> | Unchanged<Shown> | Promise<Change<Shown> | Unchanged<Shown>>,
  ): Promise<Made<Shown>> {
    const key = await this.changes.lock(tx, caller.principal.organization_id, id);
    if (!key) throw new Refusal('not_found', 'No such API key.');
    const { status } = key.record;
    if (status === 'revoked' || status === 'expired') {
      throw new Refusal('conflict', `The key is ${status}, and stays as it is. Make a new one.`);
    }
    const change = await decide(key);
    if ('unchanged' in change) {
      const seq = change.unchanged === 'confirm' ? key.changedSeq : null;
      return { record: key.record, seq, isRevocation: false, shown: change.shown };
    }
    if (change.columns && Object.keys(change.columns).length > 0) await this.changes.write(tx, id, change.columns);
    if (change.secrets) {
      await this.changes.endSecrets(tx, id, change.secrets.others);
      await this.changes.addSecrets(tx, id, change.secrets.add, key.generation + 1);
    }
    await tx.owe({
      organization_id: key.record.organization_id,
      resource: { kind: 'api-key', id },
      ...eventOrigin(caller),
      ...change.event,
    });
    const seq = change.effect === null ? null : await this.changes.mark(tx, id, change.effect);
    const record = await this.changes.read(tx, id);
    return { record, seq, isRevocation: change.effect === 'drop', shown: change.shown };
  }
}
