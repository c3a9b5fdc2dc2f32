import { z } from 'zod';
import { Id } from './ids.js';
import { principalOperation, serviceOperation } from './operation.js';
import { Page, pageRequest } from './page.js';
import { PrincipalKind } from './principal.js';
import { Text, Time } from './text.js';

/** A request that was answered, as gateways put it on the stream ACCESS. */
export const AccessRecord = z.object({
  request_id: z.string().max(128),
  /** When it began, in milliseconds since 1970. */
  time_ms: z.number().int().min(0).max(8.64e15),
  method: z.string().max(32),
  /** Without query; at most 512 bytes. */
  path: z.string().max(512),
  /** The rule or route that matched; null: none. */
  route: z.string().max(1024).nullable(),
  /** What the client got; 499 where it hung up before the answer. */
  status: z.number().int().min(100).max(599),
  duration_ms: z.number().int().min(0).max(2_147_483_647),
  client_ip: z.string().max(64),
  user_agent: z.string().max(256).nullable(),
  api_key_id: z.string().max(64),
  /** The secret that was presented; null where that is unknown, as by a token. */
  secret_id: z.string().max(64).nullable(),
  principal_kind: PrincipalKind,
  principal_id: z.string().max(64),
  organization_id: z.string().max(64),
  /** Further requests of this key in the same second at the same gateway process, which have no record of their own. */
  omitted: z.number().int().positive().max(2_147_483_647).optional(),
});
export type AccessRecord = z.infer<typeof AccessRecord>;

export const maxAccessRecords = 256;

/** One message of the stream. A record is known by its batch's id and its place in it, so a batch that comes twice is kept once. */
export const AccessBatch = z.object({
  id: Id('req'),
  records: z.array(AccessRecord).min(1).max(maxAccessRecords),
});
export type AccessBatch = z.infer<typeof AccessBatch>;

/** What may be read of it. */
export const RequestRecord = z.object({
  request_id: z.string(),
  time: Time,
  method: z.string(),
  path: z.string(),
  route: z.string().nullable(),
  status: z.number(),
  duration_ms: z.number(),
  client_ip: z.string(),
  user_agent: z.string().nullable(),
  api_key_id: z.string(),
  principal: z.object({ kind: PrincipalKind, id: z.string() }),
  omitted: z.number().optional(),
});
export type RequestRecord = z.infer<typeof RequestRecord>;

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Part of `ApiKey`. */
export const KeyUsage = {
  /** What was called with which key of the organization, newest first. `since` is included, `until` is not. */
  requests: principalOperation({
    subject: 'api-key.requests',
    permission: 'apikeys:view',
    request: z.strictObject({
      ...pageRequest,
      api_key_id: Text(64).optional(),
      service_account_id: Text(64).optional(),
      since: Time.optional(),
      until: Time.optional(),
    }),
    reply: Page(RequestRecord),
  }),
  /**
   * One gateway process's turn with the budgets of the limited keys that it let requests pass for (`takeSlice` in `enforcement`). A key
   * that has no limit, or is not there, is not in the answer. Without keys it answers how many gateways there are.
   */
  takeSlices: serviceOperation({
    subject: 'api-key.take-slices',
    callers: ['gateway'],
    timeoutSeconds: 2,
    request: z.strictObject({
      gateway: z.string().max(64),
      asks: z
        .array(
          z.strictObject({
            key: z.string().max(64),
            used: count,
            acknowledged: count,
            recent: count,
            span_ms: count,
            want: count,
          }),
        )
        .max(500),
    }),
    reply: z.object({
      /** Gateway processes that live, as this authority knows them. */
      gateways: z.number().int().positive(),
      slices: z.array(z.object({ key: z.string(), granted: count, remaining: count, wait_ms: count })),
    }),
  }),
} as const;
