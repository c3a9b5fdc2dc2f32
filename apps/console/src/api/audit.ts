import { queryOptions } from '@tanstack/react-query';
import { auditActions } from '../../generated/audit-actions';
import { answered, api } from './client';
import { type AnswerOf } from './documented';
import { type Listed, useList } from './list';

export type AuditEvent = AnswerOf<'getV1AuditEventsId', 200>;
export type EventProof = AnswerOf<'getV1AuditEventsIdProof', 200>;
export type LogKeys = AnswerOf<'getV1AuditLogKeys', 200>;

/** A line of an export: without salt and event, an erased one. */
export interface ExportedLine {
  readonly leaf_index: number;
  readonly leaf_hash: string;
  readonly salt?: string;
  readonly event?: Readonly<Record<string, unknown>>;
}

/** As they stand in the address: '' is no filter. */
export interface EventFilter {
  readonly q: string;
  readonly action: string;
  readonly actor: string;
  readonly resource: string;
  readonly outcome: string;
  /** RFC 3339. */
  readonly since: string;
  /** RFC 3339, not in it. */
  readonly until: string;
  readonly request_id: string;
}

export { auditActions };
export const outcomes = ['success', 'denied', 'failure'] as const;

const kind = 'audit';

/** Reading the record is itself written there, so nothing of it is read by itself: not when a window is looked at again, not twice. */
const staleTime = Infinity;

const queryOf = ({ action, outcome, ...rest }: Partial<EventFilter>) => ({
  ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== '')),
  action: auditActions.find((one) => one === action),
  outcome: outcomes.find((one) => one === outcome),
});

const pageOfEvents = (filter: Partial<EventFilter>, limit: number, cursor: string | undefined, signal: AbortSignal) =>
  answered(api.GET('/v1/audit/events', { signal, params: { query: { ...queryOf(filter), limit, cursor } } }));

/** In the order of the log, newest first. */
export function useEvents(filter: EventFilter): Listed<AuditEvent> {
  return useList([kind, 'list', filter], (cursor, signal) => pageOfEvents(filter, 50, cursor, signal), staleTime);
}

export const oneEvent = (id: string) =>
  queryOptions({
    queryKey: [kind, id],
    staleTime,
    queryFn: ({ signal }) => answered(api.GET('/v1/audit/events/{id}', { signal, params: { path: { id } } })),
  });

/** Each reading of it is written down; the checkpoint is the newest. */
export const proofOf = (id: string, signal?: AbortSignal): Promise<EventProof> =>
  answered(api.GET('/v1/audit/events/{id}/proof', { signal: signal ?? null, params: { path: { id } } }));

/** One event with its salt, which the export alone has. It needs the permission `audit:export`. */
export async function exportedLine(index: number, signal?: AbortSignal): Promise<ExportedLine> {
  const query = { from: index, to: index + 1 };
  const text = await answered(
    api.GET('/v1/audit/export', { signal: signal ?? null, params: { query }, parseAs: 'text' }),
  );
  return JSON.parse(String(text)) as ExportedLine;
}

export const logKeys = (signal?: AbortSignal): Promise<LogKeys> =>
  answered(api.GET('/v1/audit/log-keys', { signal: signal ?? null }));

/** As many of the newest events as one count reads. */
export const mostCounted = 1_000;
const perPage = 100;
/** A search for text answers pages that are short or empty. */
const mostPages = 20;

export interface CountedEvents {
  readonly events: readonly AuditEvent[];
  /** Whether these are all; if not, only the newest are here. */
  readonly isWhole: boolean;
}

/** What is counted: the newest events of a filter, up to {@link mostCounted}. The API counts none itself. It is written down once. */
export const countedEvents = (filter: Partial<EventFilter>) =>
  queryOptions({
    queryKey: [kind, 'counted', filter],
    staleTime,
    queryFn: async ({ signal }): Promise<CountedEvents> => {
      const events: AuditEvent[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < mostPages && events.length < mostCounted; page++) {
        const { items, next_cursor } = await pageOfEvents(filter, perPage, cursor, signal);
        events.push(...items);
        if (next_cursor === null) return { events, isWhole: true };
        cursor = next_cursor;
      }
      return { events, isWhole: false };
    },
  });
