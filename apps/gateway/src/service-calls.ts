import { type KeyObject } from 'node:crypto';
import { type Bus, type OutboxState } from '@portcullis/bus';
import {
  Audit,
  type Caller,
  EnforcementReceipt,
  Identity,
  type Operation,
  Refusal,
  type ReplyOf,
  type Sealed,
} from '@portcullis/contracts';
import { generateSealingKey, publicSealingJwk, seal, SealRefused, unseal } from '@portcullis/credentials';

const sealingKeyMilliseconds = 300_000;
const publicKeysMilliseconds = 2_000;
const installationMilliseconds = 5_000;
const auditLogMilliseconds = 5_000;
/** Three metrics of one scrape are one question. */
const outboxMilliseconds = 1_000;
/** A scrape does not wait for a service that is away. */
const scrapeMilliseconds = 1_000;

/**
 * Control operations over the bus. Secrets are sealed both ways: a client's to identity, a service's to this process, each bound to
 * the operation that it is for.
 */
export class ServiceCalls {
  private readonly ownKey: KeyObject = generateSealingKey();
  /** What callers carry, so that services can seal to this process. */
  readonly replyKey: Caller['reply_key'];
  private readonly sealingKey: Fresh<object>;
  private readonly verificationKeys: Fresh<readonly object[]>;
  private readonly roleTokens: Fresh<boolean>;
  private readonly auditState: Fresh<ReplyOf<typeof Audit.state>>;
  private readonly outboxStates: Fresh<ReadonlyMap<string, OutboxState>>;

  /**
   * @param revoked is told of every answer that waited for the enforcers, how long it took and with which receipt; null: their
   * obedience could not be confirmed
   */
  constructor(
    private readonly bus: Pick<Bus, 'call'> & { outboxes: () => Promise<ReadonlyMap<string, OutboxState>> },
    private readonly revoked: (milliseconds: number, receipt: EnforcementReceipt | null) => void = () => undefined,
  ) {
    const { kty, crv, x } = publicSealingJwk(this.ownKey);
    this.replyKey = { kty, crv, x };
    this.sealingKey = new Fresh(async () => (await bus.call(Identity.sealingKey, {})).key, sealingKeyMilliseconds);
    this.verificationKeys = new Fresh(async () => {
      const { access, gateways } = await bus.call(Identity.keys, {});
      return [...access, ...gateways];
    }, publicKeysMilliseconds);
    this.roleTokens = new Fresh(
      async () => (await bus.call(Identity.resolveInstallation, {})).installation.issues_role_tokens,
      installationMilliseconds,
    );
    this.auditState = new Fresh(() => bus.call(Audit.state, {}), auditLogMilliseconds);
    this.outboxStates = new Fresh(() => bus.outboxes(), outboxMilliseconds);
  }

  /** Asks the service. Throws the `Refusal` that it answered with. */
  async ask(
    operation: Operation,
    request: Record<string, unknown>,
    sealedFields: readonly string[],
    caller: Caller,
  ): Promise<unknown> {
    if (sealedFields.length === 0) return this.call(operation, request, caller);
    const key = await this.sealingKey.get();
    try {
      return await this.call(operation, sealFields(operation, request, sealedFields, key), caller);
    } catch (error) {
      // Identity has another key since, and could not open what was sealed to the old one: once more, with the key of now.
      if (!(error instanceof Refusal) || error.code !== 'invalid_request') throw error;
      const current = await this.sealingKey.renew();
      if (JSON.stringify(current) === JSON.stringify(key)) throw error;
      return this.call(operation, sealFields(operation, request, sealedFields, current), caller);
    }
  }

  /** Opens what the service of an operation sealed to this process. */
  unseal(context: string): (sealed: Sealed) => string {
    return ({ sealed }) => {
      try {
        return unseal(this.ownKey, sealed, context);
      } catch (error) {
        if (!(error instanceof SealRefused)) throw error;
        throw new Error(`${context} answered with a secret that is not sealed to this gateway`, { cause: error });
      }
    };
  }

  /** Public keys that verify access tokens and this installation's identity tokens. */
  publicKeys(): Promise<readonly object[]> {
    return this.verificationKeys.get();
  }

  /** Whether a node password is configured. */
  issuesRoleTokens(): Promise<boolean> {
    return this.roleTokens.get();
  }

  /** How the audit log stands; null if nobody says so at once. */
  auditLog(): Promise<ReplyOf<typeof Audit.state> | null> {
    const away = new Promise<null>((resolve) => setTimeout(() => resolve(null), scrapeMilliseconds).unref());
    return Promise.race([this.auditState.get().catch(() => null), away]);
  }

  /** What each service owes the audit log, of those that say so at once. */
  outboxes(): Promise<ReadonlyMap<string, OutboxState>> {
    return this.outboxStates.get();
  }

  private async call(operation: Operation, request: Record<string, unknown>, caller: Caller): Promise<unknown> {
    const sentMs = performance.now();
    try {
      const reply: unknown = await this.bus.call(operation, request, caller);
      const receipt = receiptOf(reply);
      if (receipt) this.revoked(performance.now() - sentMs, receipt);
      return reply;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'enforcement_pending') {
        this.revoked(performance.now() - sentMs, null);
      }
      // The service does not know this process's key (yet). The client's credential was accepted here: it is not at fault.
      if (error instanceof Refusal && error.code === 'unauthenticated') {
        throw new Refusal('unavailable', 'A part of Portcullis that this needs is starting. Try again shortly.', {
          cause: error,
          retryAfterSeconds: 1,
        });
      }
      throw error;
    }
  }
}

/** Every reply that waited for the enforcers carries its receipt under this name. */
function receiptOf(reply: unknown): EnforcementReceipt | undefined {
  const { enforcement } = Object(reply) as { enforcement?: unknown };
  return EnforcementReceipt.safeParse(enforcement).data;
}

function sealFields(
  operation: Operation,
  request: Record<string, unknown>,
  fields: readonly string[],
  key: object,
): Record<string, unknown> {
  const sealed = { ...request };
  for (const field of fields) {
    const plain = request[field];
    if (typeof plain === 'string') sealed[field] = { sealed: seal(key, plain, operation.subject) };
  }
  return sealed;
}

/** A value that is asked for again when it is old, by one asker at a time. */
class Fresh<T> {
  private held: { value: T; atMs: number } | undefined;
  private asking: Promise<T> | undefined;

  constructor(
    private readonly fetch: () => Promise<T>,
    private readonly milliseconds: number,
  ) {}

  async get(): Promise<T> {
    if (this.held && performance.now() - this.held.atMs < this.milliseconds) return this.held.value;
    return this.renew();
  }

  renew(): Promise<T> {
    return (this.asking ??= this.fetch()
      .then((value) => {
        this.held = { value, atMs: performance.now() };
        return value;
      })
      .finally(() => (this.asking = undefined)));
  }
}
