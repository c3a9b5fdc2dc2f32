import { hashBytes, type TileId, type TilePart, Tiles } from '@portcullis/merkle-log';
import { type Database } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

/** The tree as it was last signed. */
export interface LogHead {
  readonly origin: string | null;
  readonly size: number;
  /** Null until the first checkpoint is signed. */
  readonly root: Buffer | null;
  readonly note: string | null;
  /** The key that signs; null until there is one. */
  readonly keyId: string | null;
}

export interface SignedHead {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
}

export interface StoredLogKey {
  readonly id: string;
  readonly verifierKey: string;
  /** Encrypted PKCS#8; null once the key has retired. */
  readonly privateKey: string | null;
  readonly createdAt: Date;
  readonly retiredAt: Date | null;
}

type HeadRow = Omit<LogHead, 'size'> & { size: string };
const headColumns = 'origin, log_head.size, root, note, key_id as "keyId"';

/** The tables of the log: its head, its tiles, its keys, its checkpoints. */
export class LogStore {
  constructor(private readonly database: Database) {}

  /**
   * Takes the one place at which the log grows, until the transaction ends, and answers how many indexes were given. More than
   * the head's size: a process of the version before has kept events without leaves.
   */
  async lock(manager: EntityManager): Promise<{ given: number; head: LogHead }> {
    // Both rows are locked, so both are read as whoever was waited for has left them.
    const [row] = await manager.query<(HeadRow & { given: string })[]>(
      `select log_size.size as given, ${headColumns} from log_size cross join log_head for update`,
    );
    if (!row) throw new Error('log_size or log_head has no row');
    return { given: Number(row.given), head: { ...row, size: Number(row.size) } };
  }

  head(manager?: EntityManager): Promise<LogHead> {
    return this.in(manager, async (within) => {
      const [row] = await within.query<HeadRow[]>(`select ${headColumns} from log_head`);
      if (!row) throw new Error('log_head has no row');
      return { ...row, size: Number(row.size) };
    });
  }

  /**
   * Writes the head together with the count of indexes, and now and then keeps it as a checkpoint of its own. One that was signed by a
   * clock that ran ahead keeps no later one from that.
   */
  async advance(manager: EntityManager, { size, root, note }: SignedHead, now: Date): Promise<void> {
    await manager.query(
      `with given as (update log_size set size = greatest(size, $1::bigint)),
            kept as (insert into checkpoint (size, root, note, signed_at) select $1, $2, $3, $4
                      where $1::bigint > 0
                        and not exists (select from checkpoint
                                         where signed_at > $4::timestamptz - interval '1 minute' and signed_at <= $4)
                     on conflict do nothing)
       update log_head set size = $1, root = $2, note = $3, signed_at = $4`,
      [size, root, note, now],
    );
  }

  async name(manager: EntityManager, origin: string): Promise<void> {
    await manager.query('update log_head set origin = $1', [origin]);
  }

  /** Adds to tiles. Throws if one of them does not end where it should: then the tree is not the one that is grown here. */
  async extend(manager: EntityManager, parts: readonly TilePart[]): Promise<void> {
    if (parts.length === 0) return;
    const grown = await manager.query<{ level: number; index: string; bytes: number }[]>(
      `insert into tile (level, index, hashes) select * from unnest($1::smallint[], $2::bigint[], $3::bytea[])
       on conflict (level, index) do update set hashes = tile.hashes || excluded.hashes
       returning level, index, octet_length(hashes) as bytes`,
      [parts.map((part) => part.level), parts.map((part) => part.index), parts.map((part) => part.hashes)],
    );
    const bytes = new Map(grown.map((row) => [`${row.level}/${row.index}`, row.bytes]));
    for (const { level, index, offset, hashes } of parts) {
      if (bytes.get(`${level}/${index}`) !== offset * hashBytes + hashes.length)
        throw new Error(`tile ${index} of level ${level} has not the ${offset} hashes that it should have`);
    }
  }

  tiles(ids: readonly TileId[], manager?: EntityManager): Promise<Tiles> {
    return this.in(manager, async (within) => {
      const rows = await within.query<{ level: number; index: string; hashes: Buffer }[]>(
        `select level, index, hashes from tile
           join unnest($1::smallint[], $2::bigint[]) as wanted (level, index) using (level, index)`,
        [ids.map(({ level }) => level), ids.map(({ index }) => index)],
      );
      return new Tiles(rows.map((row) => ({ ...row, index: Number(row.index) })));
    });
  }

  /** Neighbouring tiles of one level, in order. */
  row(level: number, from: number, to: number, manager?: EntityManager): Promise<{ index: number; hashes: Buffer }[]> {
    return this.in(manager, async (within) => {
      const rows = await within.query<{ index: string; hashes: Buffer }[]>(
        'select index, hashes from tile where level = $1 and index >= $2 and index < $3 order by index',
        [level, from, to],
      );
      return rows.map(({ index, hashes }) => ({ index: Number(index), hashes }));
    });
  }

  /** The newest checkpoint that was kept at or below a size. */
  async checkpointUpTo(size: number): Promise<SignedHead | undefined> {
    const [row] = await this.database.read((manager) =>
      manager.query<SignedHead[]>(
        'select size, root, note from checkpoint where size <= $1 order by size desc limit 1',
        [size],
      ),
    );
    return row && { ...row, size: Number(row.size) };
  }

  /** Whose turn it is to check, if nobody else is at it, and from which index on. */
  async takeCheck(manager: EntityManager): Promise<{ next: number; isDamaged: boolean } | undefined> {
    const [row] = await manager.query<{ next_index: string; damaged_index: string | null }[]>(
      'select next_index, damaged_index from log_check for update skip locked',
    );
    return row && { next: Number(row.next_index), isDamaged: row.damaged_index !== null };
  }

  /** Where to go on; the start again, when all has been gone through. */
  async noteChecked(manager: EntityManager, next: number, completedAt: Date | null): Promise<void> {
    await manager.query('update log_check set next_index = $1, completed_at = coalesce($2, completed_at)', [
      next,
      completedAt,
    ]);
  }

  async noteDamage(manager: EntityManager, damage: { index: number; what: string; at: Date }): Promise<void> {
    await manager.query('update log_check set damaged_index = $1, damage = $2, damaged_at = $3', [
      damage.index,
      damage.what,
      damage.at,
    ]);
  }

  /** How the log stands, for who watches it. */
  async state(): Promise<{ size: number; checkedAt: Date | null; damagedIndex: number | null; rejected: number }> {
    const [row] = await this.database.read((manager) =>
      manager.query<{ size: string; completed_at: Date | null; damaged_index: string | null; rejected: string }[]>(
        `select size, completed_at, damaged_index, (select count(*) from rejected) as rejected
           from log_head cross join log_check`,
      ),
    );
    if (!row) throw new Error('log_head or log_check has no row');
    const { completed_at: checkedAt, damaged_index: damaged } = row;
    return {
      size: Number(row.size),
      checkedAt,
      damagedIndex: damaged === null ? null : Number(damaged),
      rejected: Number(row.rejected),
    };
  }

  /** All that ever signed, the newest first. */
  keys(manager?: EntityManager): Promise<StoredLogKey[]> {
    return this.in(manager, (within) =>
      within.query<StoredLogKey[]>(
        `select id, verifier_key as "verifierKey", private_key as "privateKey", created_at as "createdAt",
                retired_at as "retiredAt" from log_key order by created_at desc, id`,
      ),
    );
  }

  async key(manager: EntityManager, id: string): Promise<StoredLogKey | undefined> {
    return (await this.keys(manager)).find((key) => key.id === id);
  }

  async addKey(manager: EntityManager, key: Omit<StoredLogKey, 'retiredAt'>): Promise<void> {
    await manager.query('insert into log_key (id, verifier_key, private_key, created_at) values ($1, $2, $3, $4)', [
      key.id,
      key.verifierKey,
      key.privateKey,
      key.createdAt,
    ]);
    await manager.query('update log_head set key_id = $1', [key.id]);
  }

  async retireKey(manager: EntityManager, id: string, now: Date): Promise<void> {
    await manager.query('update log_key set private_key = null, retired_at = $2 where id = $1', [id, now]);
  }

  async rewrapKey(manager: EntityManager, id: string, privateKey: string): Promise<void> {
    await manager.query('update log_key set private_key = $2 where id = $1', [id, privateKey]);
  }

  private in<T>(manager: EntityManager | undefined, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return manager ? work(manager) : this.database.read(work);
  }
}
