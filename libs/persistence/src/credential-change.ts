import {
  type Action,
  type AuthenticatedCaller,
  type EnforcementReceipt,
  eventOrigin,
  type OwedEvent,
  type Refusal,
} from '@portcullis/contracts';
import { type Database, type Transaction } from './database.js';
import { tookAway } from './enforcement.store.js';
import { once } from './idempotency.js';

/** What is to be done with one credential, beside what is written of it. */
export interface CredentialChange<Shown extends object> {
  /** `drop`: something is taken away; `refresh`: gateways judge by something else; null: nothing that they look at. */
  effect: 'drop' | 'refresh' | null;
  /** Nobody has or may do more by it, and nothing is called otherwise: no full outbox stops it. Narrower and wider at once is not only that. */
  onlyTakesAway: boolean;
  event: { action: Action; details?: Record<string, unknown> };
  /** What the answer has beside the record. */
  shown: Shown;
}

/** Nothing is to be done, because it was done before: `confirm` says again how that came into force. */
export interface Unchanged<Shown extends object> {
  unchanged: 'confirm' | 'say nothing';
  shown: Shown;
}

/** A credential whose row is locked until the transaction ends: nobody else changes it meanwhile. */
export interface LockedCredential<Record extends CredentialRecord> {
  record: Record;
  /** The latest change's place in the order of this authority. */
  changedSeq: number | null;
}

interface CredentialRecord {
  id: string;
  enforced_at: string | null;
}

/** A change that is committed. */
export interface CommittedChange {
  id: string;
  organizationId: string;
  /** Its place in the order of this authority. */
  seq: number;
  /** It took something away. */
  isRevocation: boolean;
}

/** What a service brings to the change of its kind of credential. */
export interface Changing<Record extends CredentialRecord, Locked extends LockedCredential<Record>, Write> {
  /** Of the resource in its events. */
  readonly kind: string;
  /** Refused where there is none in the organization. */
  readonly missing: () => Refusal;
  /** Undefined: no such credential in the organization. */
  lock(tx: Transaction, organizationId: string, id: string): Promise<Locked | undefined>;
  /** Throws where it is over for good. */
  demandOpen(record: Record): void;
  write(tx: Transaction, locked: Locked, change: Write): Promise<void>;
  /** Puts the change into the order of this authority. Answers its place there. */
  mark(tx: Transaction, id: string, effect: 'drop' | 'refresh'): Promise<number>;
  /** The record as it is, within the transaction. */
  read(tx: Transaction, organizationId: string, id: string): Promise<Record>;
  /** Answers when every live gateway goes by the change, and notes it. */
  confirm(
    change: CommittedChange,
    origin: Pick<OwedEvent, 'actor' | 'request_id' | 'client_ip'>,
  ): Promise<EnforcementReceipt>;
  /** Since when the latest change is known to be in force everywhere. */
  enforcedAt(organizationId: string, id: string): Promise<string | null>;
}

interface Made<Record, Shown> {
  record: Record;
  seq: number | null;
  isRevocation: boolean;
  shown: Shown;
}

/**
 * How every change of one credential goes: the row is locked, so that two at once come one after the other; change, event and marker
 * are one transaction, which runs once under its Idempotency-Key; the answer waits until every live gateway goes by it or is fenced.
 */
export class CredentialChanges<Record extends CredentialRecord, Locked extends LockedCredential<Record>, Write> {
  constructor(
    private readonly database: Database,
    private readonly its: Changing<Record, Locked, Write>,
  ) {}

  /** @param remember what a repeat under the same Idempotency-Key is shown */
  async execute<Shown extends object>(
    caller: AuthenticatedCaller,
    { operation, request }: { operation: string; request: { id: string } },
    decide: Decide<Locked, Write, Shown>,
    remember: (shown: Shown) => Shown = (shown) => shown,
  ): Promise<Record & Shown & { enforcement: EnforcementReceipt | null }> {
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
    const { record, seq, isRevocation, shown } = made;
    if (seq === null) return { ...record, ...shown, enforcement: null };
    const [{ id }, { organization_id: organizationId }] = [record, caller.principal];
    const enforcement = await this.its.confirm({ id, organizationId, seq, isRevocation }, eventOrigin(caller));
    const enforced_at = await this.its.enforcedAt(organizationId, id);
    return { ...record, enforced_at, ...shown, enforcement };
  }

  private async change<Shown extends object>(
    tx: Transaction,
    caller: AuthenticatedCaller,
    id: string,
    decide: Decide<Locked, Write, Shown>,
  ): Promise<Made<Record, Shown>> {
    const { organization_id: organizationId } = caller.principal;
    const locked = await this.its.lock(tx, organizationId, id);
    if (!locked) throw this.its.missing();
    this.its.demandOpen(locked.record);
    const change = await decide(locked, tx);
    if ('unchanged' in change) {
      const seq = change.unchanged === 'confirm' ? locked.changedSeq : null;
      // Whoever made it may have died before it was noted: then this call notes it, and owes what that one owed.
      const isRevocation = seq !== null && (await tookAway(tx.manager, seq));
      return { record: locked.record, seq, isRevocation, shown: change.shown };
    }
    if (change.onlyTakesAway) tx.takesAway();
    await this.its.write(tx, locked, change);
    await tx.owe({
      organization_id: organizationId,
      resource: { kind: this.its.kind, id },
      ...eventOrigin(caller),
      ...change.event,
    });
    const seq = change.effect === null ? null : await this.its.mark(tx, id, change.effect);
    const record = await this.its.read(tx, organizationId, id);
    return { record, seq, isRevocation: change.effect === 'drop', shown: change.shown };
  }
}

/** What is to be done, by what the credential is under its lock. */
export type Decide<Locked, Write, Shown extends object> = (
  locked: Locked,
  tx: Transaction,
) =>
  (Write & CredentialChange<Shown>) | Unchanged<Shown> | Promise<(Write & CredentialChange<Shown>) | Unchanged<Shown>>;
