import { z } from 'zod';
import { type Outcome } from '../event.js';
import { type Service } from '../operation.js';
import { Time } from '../text.js';

/** What all events of one type have in common, beyond what every event has (`AuditEvent`). */
export interface EventType {
  /** What has happened, in one sentence. */
  readonly summary: string;
  /** Who says so. */
  readonly services: readonly Service[];
  /** The kinds of what it happened to (`resource.kind`). */
  readonly kinds: readonly string[];
  readonly outcomes: readonly Outcome[];
  /** Null where the outcome says it all. */
  readonly reason: z.ZodType<string | null>;
  /** Every field that there may be. */
  readonly details: z.ZodObject;
}

interface Given {
  readonly kind: string | readonly string[];
  readonly outcome?: Outcome | readonly Outcome[];
  readonly reason?: z.ZodType<string | null>;
  readonly details?: z.ZodRawShape;
}

/** Event types of the services named. Unless said otherwise they are of success, without a reason and without details. */
export const eventsOf =
  (...services: Service[]) =>
  (summary: string, { kind, outcome = 'success', reason = z.null(), details = {} }: Given): EventType => ({
    summary,
    services,
    kinds: [kind].flat(),
    outcomes: [outcome].flat(),
    reason,
    details: z.strictObject(details),
  });

/** A reason that is one of a closed list. */
export const oneOf = <const T extends readonly [string, ...string[]]>(...reasons: T) => z.enum(reasons);

/** A reason of a list that grows with what is found to be wrong: a program may show it, and must take one that it does not know. */
export const Reason = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]*$/);

export const Names = z.array(z.string());
/** Roles and single permissions, as they are given to somebody. */
export const granted = { roles: Names, permissions: Names };
export const Buckets = z.union([z.literal('all'), Names]);
export const Networks = Names.nullable();
export const End = Time.nullable();
export const RateLimit = z.object({ requests: z.number().int(), per_seconds: z.number().int() }).nullable();
export const KeyOwner = z.object({ kind: z.enum(['user', 'service_account']), id: z.string() });

/** The fields that were changed, with their values before and after. */
export function change<Fields extends z.ZodRawShape>(fields: Fields) {
  const changed = z.strictObject(fields).partial();
  return { before: changed, after: changed };
}
