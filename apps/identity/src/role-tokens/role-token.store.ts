import { type Position } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';

export interface Installation {
  id: string;
  firstOrganizationId: string;
  /** Role tokens of this installation with a lower one are refused. */
  epoch: number;
  /** Those of other installations are refused if they were issued before, in seconds since 1970. */
  othersFrom: number;
}

/** What is known of a token by its id. */
export interface KnownToken {
  familyId: string;
  familyEndsAt: Date;
}

export interface Revocation {
  id: string;
  revokedAt: Date;
  revokedBy: string;
  seqs: readonly number[];
  enforcedAt: Date | null;
}

export class RoleTokenStore {
  constructor(private readonly database: Database) {}

  /** As it is in this transaction: what is minted with its epoch is refused if it is not the last one at the commit. */
  async installation(tx: Transaction): Promise<Installation> {
    const [row] = await tx.manager.query<StoredInstallation[]>(selectInstallation);
    return fromStored(row);
  }

  /** The installation and the point of history at which it was read, from one statement. */
  async resolve(): Promise<{ position: Position; installation: Installation }> {
    const [row] = await this.database.read((manager) =>
      manager.query<(StoredInstallation & { history: string; seq: string })[]>(
        `select position.history, position.seq, installed.* from enforcement_position position, (${selectInstallation}) installed`,
      ),
    );
    const installation = fromStored(row);
    return { position: { history: row?.history ?? '', seq: Number(row?.seq) }, installation };
  }

  /** Begins the next epoch; `othersFrom` never goes back. */
  async nextEpoch(tx: Transaction, othersFrom: number): Promise<Installation> {
    await tx.manager.query(
      `update installation set role_token_epoch = role_token_epoch + 1,
              role_tokens_of_others_from = greatest(role_tokens_of_others_from, $1)`,
      [othersFrom],
    );
    return this.installation(tx);
  }

  /** Until the transaction ends, nobody else refreshes or revokes that one token. */
  async lock(tx: Transaction, id: string): Promise<void> {
    await tx.manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`role-token:${id}`]);
  }

  async remember(tx: Transaction, id: string, token: KnownToken): Promise<void> {
    await tx.manager.query(
      'insert into role_token (id, family_id, family_ends_at) values ($1, $2, $3) on conflict do nothing',
      [id, token.familyId, token.familyEndsAt],
    );
  }

  async find(tx: Transaction, id: string): Promise<KnownToken | undefined> {
    const [row] = await tx.manager.query<{ family_id: string; family_ends_at: Date }[]>(
      'select family_id, family_ends_at from role_token where id = $1',
      [id],
    );
    return row && { familyId: row.family_id, familyEndsAt: row.family_ends_at };
  }

  async isRevoked(tx: Transaction, ids: readonly string[]): Promise<boolean> {
    return (
      (await tx.manager.query<unknown[]>('select 1 from role_token_revocation where id = any($1) limit 1', [ids]))
        .length > 0
    );
  }

  async revocation(tx: Transaction, id: string): Promise<Revocation | undefined> {
    const [row] = await tx.manager.query<StoredRevocation[]>(
      'select id, revoked_at, revoked_by, seqs, enforced_at from role_token_revocation where id = $1',
      [id],
    );
    return (
      row && {
        id: row.id,
        revokedAt: row.revoked_at,
        revokedBy: row.revoked_by,
        seqs: row.seqs.map(Number),
        enforcedAt: row.enforced_at,
      }
    );
  }

  /** The first one stands. `endsAt`: from when on there is nothing left that it could refuse. */
  async insertRevocation(
    tx: Transaction,
    { id, revokedAt, revokedBy, seqs }: Omit<Revocation, 'enforcedAt'>,
    endsAt: Date | null,
  ): Promise<void> {
    await tx.manager.query(
      `insert into role_token_revocation (id, revoked_at, revoked_by, seqs, ends_at) values ($1, $2, $3, $4, $5)
       on conflict do nothing`,
      [id, revokedAt, revokedBy, seqs, endsAt],
    );
  }

  /** Drops what has been over for a day, and revocations that have been over for a month. */
  async prune(now: Date): Promise<void> {
    const daysAgo = (days: number): Date => new Date(now.getTime() - days * 86_400_000);
    await this.database.read(async (manager) => {
      await manager.query('delete from role_token where family_ends_at < $1', [daysAgo(1)]);
      await manager.query('delete from role_token_revocation where ends_at < $1', [daysAgo(30)]);
    });
  }
}

interface StoredInstallation {
  id: string;
  first_organization_id: string;
  epoch: string;
  others_from: string;
}

interface StoredRevocation {
  id: string;
  revoked_at: Date;
  revoked_by: string;
  seqs: string[];
  enforced_at: Date | null;
}

const selectInstallation = `select installation.id, organization.id as first_organization_id,
  installation.role_token_epoch as epoch, installation.role_tokens_of_others_from as others_from
  from installation, organization where organization.first`;

function fromStored(row: StoredInstallation | undefined): Installation {
  if (!row) throw new Error('the installation has not been founded');
  return {
    id: row.id,
    firstOrganizationId: row.first_organization_id,
    epoch: Number(row.epoch),
    othersFrom: Number(row.others_from),
  };
}
