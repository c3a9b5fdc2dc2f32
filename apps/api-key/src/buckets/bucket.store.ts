import { Injectable } from '@nestjs/common';
import { type LeftBehind } from '@portcullis/bus';
import { type Position } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';

/** A claimed name, as it is kept. */
export interface ClaimedBucket {
  name: string;
  organizationId: string;
  createdAt: Date;
  /** Given back, and not known yet to be refused everywhere. */
  releasedAt: Date | null;
  /** Its latest change's place in the order of this authority. */
  seq: number;
  enforcedAt: Date | null;
}

/** A change of one name, as it was committed. */
export interface CommittedBucketChange extends Pick<ClaimedBucket, 'name' | 'organizationId' | 'seq'> {
  /** Not a claim. */
  isRelease: boolean;
}

/** The latest change of a name. */
export const changeOf = ({ name, organizationId, seq, releasedAt }: ClaimedBucket): CommittedBucketChange => ({
  name,
  organizationId,
  seq,
  isRelease: releasedAt !== null,
});

/** The SQL of whose a bucket is. */
@Injectable()
export class BucketStore {
  constructor(private readonly database: Database) {}

  /** Takes a name that nobody has; of two at once one does. False: somebody has it. What it takes is still to be marked. */
  async claim(
    tx: Transaction,
    bucket: Pick<ClaimedBucket, 'name' | 'organizationId' | 'createdAt'> & { createdBy: string },
  ): Promise<boolean> {
    const { name, organizationId, createdAt, createdBy } = bucket;
    const inserted = await tx.manager.query<object[]>(
      `insert into bucket (name, organization_id, created_at, created_by, seq) values ($1, $2, $3, $4, 0)
       on conflict do nothing returning name`,
      [name, organizationId, createdAt, createdBy],
    );
    return inserted.length > 0;
  }

  /** Puts the claim into the order of this authority. Answers its place there. */
  async markClaim(tx: Transaction, name: string): Promise<number> {
    const seq = await tx.mark({ scope: 'bucket', id: name, effect: 'refresh' });
    await tx.manager.query('update bucket set seq = $2 where name = $1', [name, seq]);
    return seq;
  }

  /** Locks the row, so that nobody else changes it until the transaction ends. */
  async lock(tx: Transaction, name: string): Promise<ClaimedBucket | undefined> {
    const [bucket] = await tx.manager.query<ClaimedBucket[]>(`${select} where name = $1 for update`, [name]);
    return bucket;
  }

  async release(tx: Transaction, bucket: ClaimedBucket): Promise<CommittedBucketChange> {
    const releasedAt = this.database.now();
    const seq = await tx.mark({ scope: 'bucket', id: bucket.name, effect: 'drop' });
    await tx.manager.query('update bucket set released_at = $2, seq = $3, enforced_at = null where name = $1', [
      bucket.name,
      releasedAt,
      seq,
    ]);
    return changeOf({ ...bucket, releasedAt, seq });
  }

  async count(tx: Transaction, organizationId: string): Promise<number> {
    const [row] = await tx.manager.query<{ count: number }[]>(
      'select count(*)::int as count from bucket where organization_id = $1',
      [organizationId],
    );
    return row?.count ?? 0;
  }

  /**
   * Notes that a change is in force everywhere; a name that was given back is anybody's from then on. False: that was noted before, or a
   * later change has taken its place.
   */
  async settle(tx: Transaction, { name, seq, isRelease }: CommittedBucketChange): Promise<boolean> {
    const where = 'where name = $1 and seq = $2 and enforced_at is null';
    const [, settled] = await (isRelease
      ? tx.manager.query<[unknown, number]>(`delete from bucket ${where}`, [name, seq])
      : tx.manager.query<[unknown, number]>(`update bucket set enforced_at = $3 ${where}`, [
          name,
          seq,
          this.database.now(),
        ]));
    return settled > 0;
  }

  /** Who has claimed a name, and where that was read: one statement, one snapshot. */
  resolve(name: string): Promise<{ position: Position; bucket: { name: string; organization_id: string } | null }> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ history: string; seq: string; organization_id: string | null }[]>(
        `select position.history, position.seq, bucket.organization_id
           from enforcement_position position left join bucket on bucket.name = $1 and bucket.released_at is null`,
        [name],
      );
      if (!row) throw new Error('enforcement_position has no row');
      return {
        position: { history: row.history, seq: Number(row.seq) },
        bucket: row.organization_id === null ? null : { name, organization_id: row.organization_id },
      };
    });
  }

  /** By name, in the order of bytes, as S3 lists them. */
  owned(organizationId: string, after: string, limit: number): Promise<Pick<ClaimedBucket, 'name' | 'createdAt'>[]> {
    return this.database.read((manager) =>
      manager.query<ClaimedBucket[]>(
        `select name, created_at as "createdAt" from bucket
          where organization_id = $1 and released_at is null and name > $2 order by name limit $3`,
        [organizationId, after, limit],
      ),
    );
  }

  /** Changes that nobody has confirmed so long after their marker, in the order of this authority. */
  unconfirmed({ afterSeconds, limit }: LeftBehind): Promise<CommittedBucketChange[]> {
    return this.database.read((manager) =>
      manager.query<CommittedBucketChange[]>(
        `select bucket.name, bucket.organization_id as "organizationId", bucket.seq::float8 as seq,
                bucket.released_at is not null as "isRelease"
           from bucket left join marker on marker.seq = bucket.seq
          where bucket.enforced_at is null
            and coalesce(marker.created_at < now() - make_interval(secs => $1), true) order by bucket.seq limit $2`,
        [afterSeconds, limit],
      ),
    );
  }
}

const select = `select name, organization_id as "organizationId", created_at as "createdAt", released_at as "releasedAt",
  seq::float8 as seq, enforced_at as "enforcedAt" from bucket`;
