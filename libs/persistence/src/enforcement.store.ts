import { type EntityManager } from 'typeorm';
import {
  type AuthorityReply,
  type AuthorityStore,
  type EnforcerRow,
  type Exchange,
  type ExchangeView,
  type FenceOrder,
  type FenceOutcome,
  type Marker,
  type MarkerNotice,
  type Position,
  prunable,
  type Room,
} from '@portcullis/enforcement';
import { type Runner } from './runner.js';
import { unwaited } from './statement.js';

const pageSize = 1_000;

/** The enforcement tables of one authority, as the protocol asks for them. READ COMMITTED; a lock is `select … for update`. */
export class EnforcementStore implements AuthorityStore {
  constructor(private readonly database: Runner) {}

  exchange(
    enforcerId: string,
    after: number,
    decide: (view: ExchangeView) => Exchange,
    room?: Room,
  ): Promise<AuthorityReply> {
    return this.database.transaction(async ({ manager }) => {
      const row = (await lockEnforcer(manager, enforcerId)) ?? (await lockAbsent(manager, enforcerId));
      if (room && row?.state !== 'live') await demandRoom(manager, room, row);
      const { head, markers } = await readSince(manager, after);
      const complete = markers.length <= pageSize;
      const exchange = decide({ row, head, markers: markers.slice(0, pageSize), complete });
      if (exchange.write === 'delete') await manager.query('delete from enforcer where id = $1', [enforcerId]);
      else if (row && exchange.write && onlyCounts(row, exchange.write)) await countRenewal(manager, exchange.write);
      else if (exchange.write) await writeEnforcer(manager, exchange.write);
      return exchange.reply;
    });
  }

  enforcers(): Promise<EnforcerRow[]> {
    return this.database.read(async (manager) =>
      (await manager.query<StoredEnforcer[]>(selectEnforcer)).map(fromStored),
    );
  }

  fence(
    order: FenceOrder,
    decide: (row: EnforcerRow | undefined) => { outcome: FenceOutcome; write?: EnforcerRow },
  ): Promise<FenceOutcome> {
    return this.database.transaction(async ({ manager }) => {
      const { outcome, write } = decide(await lockEnforcer(manager, order.id));
      if (write) await writeEnforcer(manager, write);
      return outcome;
    });
  }

  prune(): Promise<void> {
    return this.database.transaction(async ({ manager }) => {
      const enforcers = (await manager.query<StoredEnforcer[]>(selectEnforcer)).map(fromStored);
      const rows = await manager.query<(StoredMarker & { age_ms: string })[]>(
        `select seq, scope, subject, effect, keep_ms, epoch, extract(epoch from now() - created_at) * 1000 as age_ms
           from marker order by seq`,
      );
      const seqs = prunable(
        rows.map((row) => ({ ...fromStoredMarker(row), ageMs: Number(row.age_ms) })),
        enforcers,
      );
      // For two minutes they say what a change was to whoever confirms what another process has left.
      if (seqs.length > 0) {
        await manager.query(
          `delete from marker where seq = any($1::bigint[]) and created_at < now() - interval '2 minutes'`,
          [seqs],
        );
      }
      await manager.query(`delete from enforcer where state = 'fenced' and renewed_at < now() - interval '1 day'`);
    });
  }

  /** The markers with these seqs, for their broadcast, and all rows, to know who is waited for: one statement. */
  confirming(
    seqs: readonly number[],
  ): Promise<{ notice: MarkerNotice; seq: number; enforcers: EnforcerRow[]; settled: boolean }> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<
        { history: string; seq: string; settled: boolean; markers: StoredMarker[]; enforcers: StoredEnforcer[] }[]
      >(
        `select position.history, position.seq, head.settled is not distinct from position.history as settled,
                coalesce((select json_agg(one order by one.seq) from (${selectMarker} where seq = any($1::bigint[])) one), '[]')
                  as markers,
                coalesce((select json_agg(one) from (${selectEnforcer}) one), '[]') as enforcers
           from enforcement_position position, enforcement_head head`,
        [seqs],
      );
      if (!row) throw new Error('enforcement_head has no row');
      return {
        notice: { history: row.history, markers: row.markers.map(fromStoredMarker) },
        seq: Number(row.seq),
        enforcers: row.enforcers.map(fromStored),
        settled: row.settled,
      };
    });
  }

  /** Notes that whoever holds a lease has a row, as long as the history is this one. */
  async settle(history: string): Promise<void> {
    await this.database.read((manager) =>
      manager.query(
        `update enforcement_head set settled = $1
          where settled is distinct from $1 and $1 = (select history from enforcement_position)`,
        [history],
      ),
    );
  }
}

/** Whether the change at this place took something away. Markers are dropped when nothing can match them any more: then it is not known. */
export async function tookAway(manager: EntityManager, seq: number): Promise<boolean> {
  const [marker] = await manager.query<{ effect: Marker['effect'] }[]>('select effect from marker where seq = $1', [
    seq,
  ]);
  return marker?.effect !== 'refresh';
}

/**
 * Takes the next seq for a marker and writes it, within the revoking transaction and as late in it as can be: from here
 * until the commit no other revocation of this authority goes on.
 */
export async function writeMarker(manager: EntityManager, marker: Omit<Marker, 'seq'>): Promise<number> {
  const [row] = await manager.query<{ seq: string }[]>(
    `with head as (update enforcement_head set last_seq = last_seq + 1 returning last_seq)
     insert into marker (seq, scope, subject, effect, keep_ms, epoch)
     select last_seq, $1, $2, $3, $4::bigint, $5::bigint from head returning seq`,
    [marker.scope, marker.id, marker.effect, marker.keepMs ?? null, marker.epoch ?? null],
  );
  if (!row) throw new Error('enforcement_head has no row');
  return Number(row.seq);
}

interface StoredEnforcer {
  id: string;
  incarnation: string;
  state: 'live' | 'fenced';
  applied_through: string;
  granted_through: string;
  lease_ms: string;
  renewals: string;
}

interface StoredMarker {
  seq: string;
  scope: Marker['scope'];
  subject: string;
  effect: Marker['effect'];
  keep_ms: string | null;
  epoch: string | null;
}

const selectEnforcer =
  'select id, incarnation, state, applied_through, granted_through, lease_ms, renewals from enforcer';

const selectMarker = 'select seq, scope, subject, effect, keep_ms, epoch from marker';

const fromStored = (row: StoredEnforcer): EnforcerRow => ({
  id: row.id,
  incarnation: Number(row.incarnation),
  state: row.state,
  appliedThrough: Number(row.applied_through),
  grantedThrough: Number(row.granted_through),
  leaseMs: Number(row.lease_ms),
  renewals: Number(row.renewals),
});

const fromStoredMarker = (row: StoredMarker): Marker => ({
  seq: Number(row.seq),
  scope: row.scope,
  id: row.subject,
  effect: row.effect,
  ...(row.keep_ms === null ? {} : { keepMs: Number(row.keep_ms) }),
  ...(row.epoch === null ? {} : { epoch: Number(row.epoch) }),
});

async function lockEnforcer(manager: EntityManager, id: string): Promise<EnforcerRow | undefined> {
  const [row] = await manager.query<StoredEnforcer[]>(`${selectEnforcer} where id = $1 for update`, [id]);
  return row && fromStored(row);
}

/** Two joins of one id wait for each other here, while there is no row to lock; the later one finds the row. */
async function lockAbsent(manager: EntityManager, id: string): Promise<EnforcerRow | undefined> {
  await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`enforcer:${id}`]);
  return lockEnforcer(manager, id);
}

/** Joins wait for each other here until their commits, so that each counts the one before it. */
async function demandRoom(manager: EntityManager, room: Room, row: EnforcerRow | undefined): Promise<void> {
  await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`enforcers:${room.prefix}`]);
  const [held] = await manager.query<{ live: number; rows: number }[]>(
    `select count(*) filter (where state = 'live')::int as live, count(*)::int as rows
       from enforcer where starts_with(id, $1)`,
    [room.prefix],
  );
  if (!held || held.live >= room.live || (!row && held.rows >= room.rows)) {
    throw new Error(
      `no room for another ${room.prefix}…: ${held?.live} of ${room.live} live, ${held?.rows} of ${room.rows} kept`,
    );
  }
}

/** A renewal like the one before it: no marker was given with it, and none is newly known to be applied. */
function onlyCounts(before: EnforcerRow, after: EnforcerRow): boolean {
  const same = (field: keyof EnforcerRow): boolean => before[field] === after[field];
  return (['incarnation', 'state', 'appliedThrough', 'grantedThrough', 'leaseMs'] as const).every(same);
}

/**
 * The commit that follows is not waited for on disk. A server that crashes may lose the count and nothing else: whoever watches for
 * silence then begins to count anew. For all other writes the promise is that they are kept before the reply is sent.
 */
async function countRenewal(manager: EntityManager, row: EnforcerRow): Promise<void> {
  await manager.query(`update enforcer set renewals = $2, renewed_at = now() where id = $1 returning ${unwaited}`, [
    row.id,
    row.renewals,
  ]);
}

async function writeEnforcer(manager: EntityManager, row: EnforcerRow): Promise<void> {
  await manager.query(
    `insert into enforcer (id, incarnation, state, applied_through, granted_through, lease_ms, renewals, renewed_at)
     values ($1, $2, $3, $4, $5, $6, $7, now())
     on conflict (id) do update set incarnation = $2, state = $3, applied_through = $4, granted_through = $5,
       lease_ms = $6, renewals = $7, renewed_at = now()`,
    [row.id, row.incarnation, row.state, row.appliedThrough, row.grantedThrough, row.leaseMs, row.renewals],
  );
}

/** Head and markers in one statement, so that they are of one snapshot. One more than a page is read, to know whether there are more. */
async function readSince(manager: EntityManager, after: number): Promise<{ head: Position; markers: Marker[] }> {
  const [row] = await manager.query<{ history: string; seq: string; markers: StoredMarker[] }[]>(
    `select position.history, position.seq, coalesce(
              (select json_agg(page) from (
                 ${selectMarker} where seq > $1 order by seq limit $2) page),
              '[]') as markers
       from enforcement_position position`,
    [after, pageSize + 1],
  );
  if (!row) throw new Error('enforcement_head has no row');
  return { head: { history: row.history, seq: Number(row.seq) }, markers: row.markers.map(fromStoredMarker) };
}
