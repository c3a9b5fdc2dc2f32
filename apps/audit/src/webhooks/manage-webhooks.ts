import {
  type Action,
  Audit,
  type AuthenticatedCaller,
  eventOrigin,
  isId,
  maxWebhooks,
  newId,
  type Operation,
  Refusal,
  type ReplyOf,
  type RequestOf,
  type WebhookRecord,
  type WebhookState,
} from '@portcullis/contracts';
import { type KeyEncryption, seal } from '@portcullis/credentials';
import { type Database, once, readPage, type Transaction } from '@portcullis/persistence';
import { secretContext } from './deliver-webhooks.js';
import { DestinationRefused, type Destinations, HostUnknown } from './destinations.js';
import { mintWebhookSecret } from './standard-webhook.js';
import { webhookState } from './webhook-state.js';
import { type LockedWebhook, WebhookStore } from './webhook.store.js';

type Of = typeof Audit;

/** Signatures that one message carries at most: a receiver reads them all. */
const maxSecrets = 5;
const resolveMilliseconds = 5_000;

/** An organization's webhooks. One organization sees and changes nothing of another's. */
export class ManageWebhooks {
  private readonly store: WebhookStore;

  constructor(
    private readonly database: Database,
    private readonly destinations: Destinations,
    private readonly encryption: KeyEncryption,
  ) {
    this.store = new WebhookStore(database);
  }

  list(caller: AuthenticatedCaller, request: RequestOf<Of['listWebhooks']>): Promise<ReplyOf<Of['listWebhooks']>> {
    const { organization_id: organizationId } = caller.principal;
    return readPage(this.database, request, {
      list: ['webhooks', organizationId],
      find: (after, limit) => this.store.list(organizationId, this.database.now(), after, limit),
      place: ({ id }) => id,
      item: (record) => record,
    });
  }

  read(caller: AuthenticatedCaller, { id }: { id: string }): Promise<WebhookRecord> {
    return this.database.read(async (manager) => {
      const { organization_id: organizationId } = caller.principal;
      if (!isId('whk', id)) missing();
      return (await this.store.read(manager, organizationId, id, this.database.now())) ?? missing();
    });
  }

  /** Refuses where no webhook may be sent to, by what the host's name says now; each delivery looks again. */
  async create(
    caller: AuthenticatedCaller,
    request: RequestOf<Of['createWebhook']>,
  ): Promise<ReplyOf<Of['createWebhook']>> {
    demandMayRead(caller);
    const url = new URL(request.url);
    await this.demandDestination(url);
    return this.once(caller, Audit.createWebhook, request, async (tx, now) => {
      const { organization_id: organizationId } = caller.principal;
      if ((await this.store.lockAndCount(tx.manager, organizationId)) >= maxWebhooks)
        throw new Refusal('conflict', `An organization has at most ${maxWebhooks} webhooks. Delete one first.`);
      const id = newId('whk', now);
      const { name, description, actions, subjects } = request;
      await this.store.add(tx.manager, {
        ...{ id, organizationId, name, description, url: url.href, actions, subjects },
        createdAt: now,
        createdBy: caller.principal.id,
      });
      const secret = await this.newSecret(tx, caller, Audit.createWebhook, id, now);
      // The host alone: what stands behind it may be a secret of the receiver's.
      await this.note(tx, caller, 'webhook.created', id, { host: url.host, actions, subjects });
      return { ...(await this.written(tx, organizationId, id, now)), secret };
    });
  }

  async update(caller: AuthenticatedCaller, request: RequestOf<Of['updateWebhook']>): Promise<WebhookRecord> {
    const { id, enabled, ...wanted } = request;
    if ([wanted.url, wanted.actions, wanted.subjects].some((field) => field !== undefined)) demandMayRead(caller);
    // Only of the caller's own: what a URL leads to is not told for an id that does not exist.
    await this.read(caller, { id });
    const url = wanted.url === undefined ? undefined : new URL(wanted.url);
    if (url !== undefined) await this.demandDestination(url);
    return this.once(caller, Audit.updateWebhook, request, async (tx, now) => {
      const { status, ...before } = await this.locked(tx, caller, id);
      const after = { ...before, ...definedOf({ ...wanted, url: url?.href }) };
      const turns = enabled !== undefined && enabled !== (status === 'active');
      const details = changeOf(
        { ...before, enabled: status === 'active' },
        { ...after, ...(turns ? { enabled } : {}) },
      );
      if (turns) await this.store[enabled ? 'enable' : 'disable'](tx.manager, id);
      if (Object.keys(details.after).some((field) => field !== 'enabled') || before.url !== after.url) {
        await this.store.write(tx.manager, id, after);
        await this.note(tx, caller, 'webhook.updated', id, details);
      } else if (turns) await this.note(tx, caller, enabled ? 'webhook.enabled' : 'webhook.disabled', id, {});
      return this.written(tx, caller.principal.organization_id, id, now);
    });
  }

  async remove(caller: AuthenticatedCaller, request: { id: string }): Promise<ReplyOf<Of['deleteWebhook']>> {
    return this.once(caller, Audit.deleteWebhook, request, async (tx) => {
      const { url } = await this.locked(tx, caller, request.id);
      await this.store.remove(tx.manager, request.id);
      await this.note(tx, caller, 'webhook.deleted', request.id, { host: new URL(url).host });
      return { id: request.id, deleted: true as const };
    });
  }

  rotate(caller: AuthenticatedCaller, request: RequestOf<Of['rotateWebhook']>): Promise<ReplyOf<Of['rotateWebhook']>> {
    const { id, overlap_seconds: overlapSeconds } = request;
    return this.once(caller, Audit.rotateWebhook, request, async (tx, now) => {
      await this.locked(tx, caller, id);
      const { organization_id: organizationId } = caller.principal;
      const { secrets } = await this.written(tx, organizationId, id, now);
      if (secrets.length >= maxSecrets && overlapSeconds > 0)
        throw new Refusal(
          'conflict',
          `${maxSecrets} secrets sign for this webhook. Wait until one has had its time, or set overlap_seconds to 0.`,
        );
      await this.store.endNewestSecret(tx.manager, id, new Date(now.getTime() + overlapSeconds * 1000));
      const secret = await this.newSecret(tx, caller, Audit.rotateWebhook, id, now);
      await this.note(tx, caller, 'webhook.rotated', id, { overlap_seconds: overlapSeconds });
      return { ...(await this.written(tx, organizationId, id, now)), secret };
    });
  }

  enable(caller: AuthenticatedCaller, request: { id: string }): Promise<WebhookRecord> {
    return this.once(caller, Audit.enableWebhook, request, async (tx, now) => {
      const { status } = await this.locked(tx, caller, request.id);
      if (status === 'disabled') {
        await this.store.enable(tx.manager, request.id);
        await this.note(tx, caller, 'webhook.enabled', request.id, {});
      }
      return this.written(tx, caller.principal.organization_id, request.id, now);
    });
  }

  async deadLetters(
    caller: AuthenticatedCaller,
    request: RequestOf<Of['deadLetters']>,
  ): Promise<ReplyOf<Of['deadLetters']>> {
    const { id } = await this.read(caller, request);
    return readPage(this.database, request, {
      list: ['dead-letters', id],
      find: (after, limit) => this.store.deadLetters(id, after, limit),
      place: ({ leafIndex }) => leafIndex,
      item: ({ event_id, attempts, reason, died_at }) => ({ event_id, attempts, reason, died_at }),
    });
  }

  replay(caller: AuthenticatedCaller, request: RequestOf<Of['replayWebhook']>): Promise<ReplyOf<Of['replayWebhook']>> {
    return this.once(caller, Audit.replayWebhook, request, async (tx, now) => {
      await this.locked(tx, caller, request.id);
      const eventIds = request.event_ids?.filter((id) => isId('evt', id)) ?? null;
      const replayed = await this.store.replay(tx.manager, request.id, eventIds, now);
      if (replayed > 0) await this.note(tx, caller, 'webhook.replayed', request.id, { replayed });
      return { replayed };
    });
  }

  /** Of all organizations, for metrics. */
  state(): Promise<WebhookState> {
    return webhookState(this.database);
  }

  private async demandDestination(url: URL): Promise<void> {
    try {
      await this.destinations.of(url, AbortSignal.timeout(resolveMilliseconds));
    } catch (error) {
      const isSlow = error instanceof DOMException && error.name === 'TimeoutError';
      if (!(error instanceof DestinationRefused || error instanceof HostUnknown || isSlow)) throw error;
      // One answer for all of them: which names this network knows is nobody's business outside.
      const message =
        'must be https on port 443 or 8443, of a host that has public addresses and no others. What lies in networks of ' +
        'PORTCULLIS_WEBHOOK_ALLOW, which the operator sets, may be private and http';
      throw new Refusal('unprocessable', `url: ${message}.`, { errors: [{ field: 'url', message }] });
    }
  }

  /** A secret is made, kept under the key-encryption key, and sealed to the process that asked. */
  private async newSecret(
    tx: Transaction,
    caller: AuthenticatedCaller,
    operation: Operation,
    webhookId: string,
    now: Date,
  ): Promise<{ sealed: string }> {
    const secret = mintWebhookSecret();
    const id = newId('sec', now);
    const envelope = this.encryption.encrypt(Buffer.from(secret.reveal()), secretContext(id, webhookId));
    await this.store.addSecret(tx.manager, { id, webhookId, envelope, createdAt: now });
    return { sealed: seal(caller.reply_key, secret.reveal(), operation.subject) };
  }

  private async locked(tx: Transaction, caller: AuthenticatedCaller, id: string) {
    if (!isId('whk', id)) missing();
    return (await this.store.lock(tx.manager, caller.principal.organization_id, id)) ?? missing();
  }

  private async written(tx: Transaction, organizationId: string, id: string, now: Date): Promise<WebhookRecord> {
    return (await this.store.read(tx.manager, organizationId, id, now)) ?? missing();
  }

  private async note(
    tx: Transaction,
    caller: AuthenticatedCaller,
    action: Action,
    id: string,
    details: Record<string, unknown>,
  ): Promise<void> {
    const resource = { kind: 'webhook', id };
    await tx.owe({
      organization_id: caller.principal.organization_id,
      action,
      resource,
      ...eventOrigin(caller),
      details,
    });
  }

  /** Change and event are one transaction, which runs once under its Idempotency-Key; a repeat is not shown the secret. */
  private async once<Reply extends object>(
    caller: AuthenticatedCaller,
    operation: Operation,
    body: object,
    change: (tx: Transaction, now: Date) => Promise<Reply>,
  ): Promise<Reply> {
    const hmacKey = await this.database.localKey('idempotency');
    const now = this.database.now();
    const about = { caller, operation: operation.subject, body, hmacKey, now };
    return this.database.transaction((tx) =>
      once(
        tx,
        about,
        () => change(tx, now),
        (reply) => ({ ...reply, secret: undefined }),
      ),
    );
  }
}

/** Whoever is sent the events reads them: managing the record must not be a way around reading it. */
function demandMayRead({ principal }: AuthenticatedCaller): void {
  if (principal.permissions.includes('audit:view')) return;
  throw new Refusal('forbidden', 'A webhook shows events: this needs the permission audit:view as well.');
}

type Edited = Omit<LockedWebhook, 'status'> & { enabled?: boolean };

/** The fields that differ, as the event says them: of a URL the host. */
function changeOf(before: Edited, after: Edited): Record<'before' | 'after', Record<string, unknown>> {
  const shown = ({ url, ...fields }: Edited): Record<string, unknown> => ({ ...fields, host: new URL(url).host });
  const [was, is] = [shown(before), shown(after)];
  const changed = Object.keys(is).filter((field) => JSON.stringify(is[field]) !== JSON.stringify(was[field]));
  const of = (fields: Record<string, unknown>) => Object.fromEntries(changed.map((field) => [field, fields[field]]));
  return { before: of(was), after: of(is) };
}

function definedOf<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

function missing(): never {
  throw new Refusal('not_found', 'No such webhook.');
}
