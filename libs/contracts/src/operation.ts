import { type z } from 'zod';
import { type AuthenticatedCaller, type Caller } from './caller.js';

/** The processes on the bus. Each has a NATS user of its own. */
export const services = ['gateway', 'identity', 'api-key', 'client-registry', 'audit'] as const;
export type Service = (typeof services)[number];

/**
 * Who has a user on the bus: the services, and the guards that other teams put into theirs, which share one. A guard answers
 * nothing and calls only what names it as a caller.
 */
export const busUsers = [...services, 'guard'] as const;
export type BusUser = (typeof busUsers)[number];

/**
 * Whom an operation answers.
 * - `principal`: the gateway on behalf of an authenticated principal that holds `permission` (checked again by the service);
 * - `anyone`: the gateway on behalf of a caller who may be nobody yet (login);
 * - `service`: another service for itself. No caller token: NATS lets only the named users publish the subject.
 */
export type Audience = 'principal' | 'anyone' | 'service';

/** One request/reply on the bus, described once, as a value. The reply schema is an allow-list: what it does not name stays inside. */
export interface Operation<
  Request extends z.ZodType = z.ZodType,
  Reply extends z.ZodType = z.ZodType,
  For extends Audience = Audience,
> {
  /** `<service>.<verb>`. A breaking change is a new subject beside the old. */
  readonly subject: string;
  readonly request: Request;
  readonly reply: Reply;
  readonly for: For;
  /** The permission that the principal must hold; only with `for: 'principal'`. Null: any authenticated principal. */
  readonly permission: string | null;
  /**
   * False where it also answers a person who is in several organizations and has named none: of themselves alone, so that no
   * permission is asked of them then.
   */
  readonly needsOrganization: boolean;
  /** Who may publish the subject. */
  readonly callers: readonly BusUser[];
  /** How long a caller waits for the reply. Operations that revoke wait for the lease and more. */
  readonly timeoutSeconds: number;
}

export type RequestOf<O extends Operation> = z.output<O['request']>;
export type RequestInputOf<O extends Operation> = z.input<O['request']>;
export type ReplyOf<O extends Operation> = z.input<O['reply']>;
export type CallerOf<O extends Operation> = O['for'] extends 'principal'
  ? AuthenticatedCaller
  : O['for'] extends 'anyone'
    ? Caller
    : undefined;

/** How long a call waits that must not outlast an HTTP client's patience. */
export const replySeconds = 5;
/** The longest lease that may be configured: where an enforcer is silent, a revocation takes as long. */
export const maxLeaseSeconds = 10;
/** How long a call waits that answers only once a revocation is enforced: the longest lease, and time to fence. */
export const revokingSeconds = maxLeaseSeconds + 5;

type Shape<Request, Reply> = { subject: string; request: Request; reply: Reply; timeoutSeconds?: number };

/** An operation for authenticated principals, called by the gateway. */
export function principalOperation<Q extends z.ZodType, R extends z.ZodType>(
  shape: Shape<Q, R> & { permission: string | null; needsOrganization?: false },
): Operation<Q, R, 'principal'> {
  return { timeoutSeconds: replySeconds, callers: ['gateway'], for: 'principal', needsOrganization: true, ...shape };
}

/** An operation for callers who may be nobody yet, called by the gateway. */
export function openOperation<Q extends z.ZodType, R extends z.ZodType>(shape: Shape<Q, R>): Operation<Q, R, 'anyone'> {
  return {
    timeoutSeconds: replySeconds,
    callers: ['gateway'],
    for: 'anyone',
    permission: null,
    needsOrganization: false,
    ...shape,
  };
}

/** An operation between services. */
export function serviceOperation<Q extends z.ZodType, R extends z.ZodType>(
  shape: Shape<Q, R> & { callers: readonly BusUser[] },
): Operation<Q, R, 'service'> {
  return { timeoutSeconds: replySeconds, for: 'service', permission: null, needsOrganization: false, ...shape };
}
