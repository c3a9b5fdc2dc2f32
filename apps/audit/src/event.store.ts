import { Injectable } from '@nestjs/common';
import { type AuditEvent } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';
import { binaryArray } from './binary-array.js';
import { type EventFilter, indexesBetween, listStatement, place } from './event-list.store.js';
import { type Log } from './log/log.js';
import { type SealedEvent } from './seal-event.js';
import { noteSuspensions } from './webhooks/suspensions.js';

export interface FoundEvents {
  found: { index: number; event: AuditEvent }[];
  /** Set when older events were not looked through: every match from this index on is in `found`. */
  examinedDownTo?: number;
}

export interface OpenedEvents {
  events: Map<number, { salt: Buffer; event: AuditEvent }>;
  end: number;
}

export interface RejectedMessage {
  streamSeq: number;
  subject: string;
  reason: string;
  body: string;
}

/** Whose events somebody sees: the organization's, and for the first organization those that are nobody's. */
export interface Reader {
  readonly organizationId: string;
  readonly installation: boolean;
}

/** The events' tables. The record is append-only: `erase` takes something away, and when its term is over `RetentionStore`; nobody else. */
@Injectable()
export class EventStore {
  constructor(private readonly database: Database) {}

  /**
   * Keeps the events that are not kept yet, in the order given, each with its leaf, and what was rejected beside them; all in one
   * transaction. Answers those that are not kept because their id is that of another service's event.
   */
  append(log: Log, events: readonly SealedEvent[], rejected: readonly RejectedMessage[]): Promise<AuditEvent[]> {
    return this.database.transaction(async (tx) => {
      const { manager } = tx;
      const taken: AuditEvent[] = [];
      if (events.length > 0) {
        const { given, head } = await log.store.lock(manager);
        if (given > head.size) throw new LeavesOwed();
        const fresh: SealedEvent[] = [];
        const owners = await this.owners(manager, events);
        for (const sealed of events) {
          const { id, service } = sealed.event;
          const owner = owners.get(id);
          if (owner === undefined) {
            owners.set(id, service);
            fresh.push(sealed);
          } else if (owner !== service) taken.push(sealed.event);
        }
        if (fresh.length > 0) {
          await insert(manager, head.size, fresh);
          await noteSuspensions(manager, fresh);
          await log.grow(
            manager,
            head,
            fresh.map(({ leafHash }) => leafHash),
          );
        }
      }
      for (const { streamSeq, subject, reason, body } of rejected) {
        const isNew = await manager.query<unknown[]>(
          'insert into rejected (stream_seq, subject, reason, body) values ($1, $2, $3, $4) on conflict do nothing returning stream_seq',
          [streamSeq, storable(subject), storable(reason), storable(body)],
        );
        // Where it lies, and nothing that it says: whoever sent it would have that written into the log.
        if (isNew.length > 0)
          await tx.owe({
            organization_id: null,
            action: 'event.rejected',
            outcome: 'failure',
            resource: { kind: 'message', id: String(streamSeq) },
          });
      }
      return taken;
    });
  }

  /** Newest first, at most `limit`, each with its index. A search for text looks through the newest `maxExamined` that the other filters leave. */
  list(filter: EventFilter, limit: number, maxExamined: number): Promise<FoundEvents> {
    return this.database.read(async (manager) => {
      const between = await indexesBetween(manager, filter.since, filter.until);
      const { text, values } = listStatement(filter, between, limit, maxExamined);
      const rows = await manager.query<{ leaf_index: string | null; body: AuditEvent | null; last?: string | null }[]>(
        text,
        values,
      );
      const found = rows.flatMap(({ leaf_index, body }) => (body ? [{ index: Number(leaf_index), event: body }] : []));
      const last = rows[0]?.last ?? null;
      return last === null ? { found } : { found, examinedDownTo: Number(last) };
    });
  }

  read(reader: Reader, id: string): Promise<AuditEvent | undefined> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ body: AuditEvent }[]>(
        'select body from event where id = $1 and reader = any($2)',
        [id, readersOf(reader)],
      );
      return row?.body;
    });
  }

  /** When what an event of this reader's said was taken away, and whether because its term was over. */
  gone(reader: Reader, id: string): Promise<{ at: Date; expired: boolean } | undefined> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ at: Date; expired: boolean }[]>(
        'select erased_at as at, erased_by is null as expired from erased where id = $1 and reader = any($2)',
        [id, readersOf(reader)],
      );
      return row;
    });
  }

  /** Where the leaf of an event is that this reader sees, its body gone or not. */
  indexOf(reader: Reader, id: string): Promise<number | undefined> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ leaf_index: string }[]>(
        `select leaf_index from event where id = $1 and reader = any($2)
         union all select leaf_index from erased where id = $1 and reader = any($2)`,
        [id, readersOf(reader)],
      );
      return row && Number(row.leaf_index);
    });
  }

  /**
   * The reader's events of the indexes `from` to `to` − 1 with their salts, as many as `maxBytes` hold and one at least; and the index
   * behind the last that was looked at.
   */
  opened(reader: Reader, from: number, to: number, maxBytes: number): Promise<OpenedEvents> {
    return this.database.read(async (manager) => {
      const rows = await manager.query<{ leaf_index: string; salt: Buffer; body: AuditEvent | null }[]>(
        `select leaf_index, salt, case when bytes - own <= $4 then body end as body from (
           select leaf_index, salt, body, octet_length(body::text) as own,
                  sum(octet_length(body::text)) over (order by leaf_index) as bytes
             from event where reader = any($1) and leaf_index >= $2 and leaf_index < $3) as opened
         order by leaf_index`,
        [readersOf(reader), from, to, maxBytes],
      );
      const events: OpenedEvents['events'] = new Map();
      for (const { leaf_index, salt, body } of rows) {
        if (body === null) return { events, end: Number(leaf_index) };
        events.set(Number(leaf_index), { salt, event: body });
      }
      return { events, end: to };
    });
  }

  /** The lowest index of the reader's events of `since` or later; the log's size if there is none. */
  firstSince(reader: Reader, since: string, size: number): Promise<number> {
    return this.edge(
      `select coalesce(min(leaf_index), $3) as index from (select unnest($1::text[]) as reader) as mine
         cross join lateral (select leaf_index from event where event.reader = mine.reader and time >= $2 and ${place} >= $4
                              order by ${place} limit 1) as first`,
      async (manager) => [readersOf(reader), since, size, (await indexesBetween(manager, since)).first],
    );
  }

  /** The index behind the reader's last event before `until`; 0 if there is none. */
  endBefore(reader: Reader, until: string, size: number): Promise<number> {
    return this.edge(
      `select least(coalesce(max(leaf_index) + 1, 0), $3) as index from (select unnest($1::text[]) as reader) as mine
         cross join lateral (select leaf_index from event where event.reader = mine.reader and time < $2 and ${place} < $4
                              order by ${place} desc limit 1) as last`,
      async (manager) => [readersOf(reader), until, size, (await indexesBetween(manager, undefined, until)).end],
    );
  }

  /** Takes at most `limit` events away that are about a subject, and keeps in mind that they were there. Answers how many. */
  async erase(
    manager: EntityManager,
    { organizationId, subject, by, now }: { organizationId: string; subject: string; by: string; now: Date },
    limit: number,
  ): Promise<number> {
    // One at a time takes bodies away: two that meet at the same events in another order would wait for each other.
    await manager.query('select from retention for update');
    const about = `reader = $1 and action <> 'record.erased'`;
    const [row] = await manager.query<{ count: number }[]>(
      `with chosen as (
         (select leaf_index from event where ${about} and left(actor_id, 128) = $2 limit $5)
         union (select leaf_index from event where ${about} and left(resource_id, 128) = $2 limit $5)
         limit $5),
       gone as (delete from event using chosen where event.leaf_index = chosen.leaf_index
                returning event.leaf_index, event.id, event.body->>'service' as service, event.reader),
       noted as (insert into erased (leaf_index, id, service, reader, erased_at, erased_by)
                 select leaf_index, id, service, reader, $3, $4 from gone)
       select count(*)::int as count from gone`,
      [organizationId, subject, now, by, limit],
    );
    return row?.count ?? 0;
  }

  /** Events from an index on, whosever they are. */
  async from(manager: EntityManager, index: number, limit: number): Promise<{ index: number; event: AuditEvent }[]> {
    const rows = await manager.query<{ leaf_index: string; body: AuditEvent }[]>(
      'select leaf_index, body from event where leaf_index >= $1 order by leaf_index limit $2',
      [index, limit],
    );
    return rows.map(({ leaf_index, body }) => ({ index: Number(leaf_index), event: body }));
  }

  /** Writes text and salt of events that were kept without, from an index on. */
  async seal(manager: EntityManager, index: number, sealed: readonly SealedEvent[]): Promise<void> {
    await manager.query(
      `update event set body = given.text::json, salt = given.salt
         from unnest($2::text[], $3::bytea[]) with ordinality as given (text, salt, position)
        where leaf_index = $1::bigint + position - 1`,
      [
        index,
        binaryArray(
          'text',
          sealed.map(({ canonical }) => canonical),
        ),
        binaryArray(
          'bytea',
          sealed.map(({ salt }) => salt),
        ),
      ],
    );
  }

  private edge(text: string, values: (manager: EntityManager) => Promise<unknown[]>): Promise<number> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ index: string }[]>(text, await values(manager));
      return Number(row?.index);
    });
  }

  /** Who said the events of these ids first. An erased event's id is still its service's. */
  private async owners(manager: EntityManager, events: readonly SealedEvent[]): Promise<Map<string, string>> {
    const rows = await manager.query<{ id: string; service: string }[]>(
      // Id by id along the index: of many at once the planner reads the whole table, as long as that is small.
      `select given.id, known.service from unnest($1::text[]) as given (id) cross join lateral (
         (select body->>'service' as service from event where event.id = given.id limit 1)
         union all (select service from erased where erased.id = given.id limit 1) limit 1) as known`,
      [
        binaryArray(
          'text',
          events.map(({ event }) => event.id),
        ),
      ],
    );
    return new Map(rows.map(({ id, service }) => [id, service]));
  }
}

/** A process of the version before kept events without leaves: they come first. */
export class LeavesOwed extends Error {
  override readonly name = 'LeavesOwed';
}

/**
 * Whether a batch was refused for what an event says: a value out of range (SQLSTATE class 22) or beyond a limit of the
 * server (54). Everything else, a lock or a missing table as well, is the server's trouble and passes.
 */
export function isUnstorable(error: unknown): boolean {
  const code: unknown = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' && /^(22|54)/.test(code);
}

export const readersOf = ({ organizationId, installation }: Reader): string[] => [
  organizationId,
  ...(installation ? ['installation'] : []),
];

async function insert(manager: EntityManager, index: number, sealed: readonly SealedEvent[]): Promise<void> {
  const each = (value: (event: AuditEvent) => string | null): Buffer =>
    binaryArray(
      'text',
      sealed.map(({ event }) => value(event)),
    );
  await manager.query(
    `insert into event (leaf_index, id, time, organization_id, action, outcome, actor_id, credential_id,
                        resource_kind, resource_id, request_id, salt, body)
     select $1::bigint + position - 1, id, time::timestamptz, organization_id, action, outcome, actor_id, credential_id,
            resource_kind, resource_id, request_id, salt, body
       from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                   $10::text[], $11::text[], $12::bytea[], $13::json[]) with ordinality
            as batch (id, time, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id,
                      request_id, salt, body, position)`,
    [
      index,
      each(({ id }) => id),
      each(({ time }) => time),
      each(({ organization_id }) => organization_id),
      each(({ action }) => action),
      each(({ outcome }) => outcome),
      each(({ actor }) => actor.id),
      each(({ actor }) => actor.credential_id),
      each(({ resource }) => resource.kind),
      each(({ resource }) => resource.id),
      each(({ request_id }) => request_id),
      binaryArray(
        'bytea',
        sealed.map(({ salt }) => salt),
      ),
      binaryArray(
        'json',
        sealed.map(({ canonical }) => canonical),
      ),
    ],
  );
}

const maxKeptCharacters = 65_536;

/** Text as Postgres takes it, cut to what helps a person. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').slice(0, maxKeptCharacters);
