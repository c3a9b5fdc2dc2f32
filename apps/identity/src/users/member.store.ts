import { type Membership, type UserRecord } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

/** A person in one organization. */
export interface Member {
  userId: string;
  organizationId: string;
  email: string;
  name: string | null;
  roles: string[];
  permissions: string[];
  hasPassword: boolean;
  createdAt: Date;
  createdBy: string | null;
  disabledAt: Date | null;
  disabledBy: string | null;
  /** The row stays, so that a repeat of the removal answers with the first. */
  removedAt: Date | null;
  removedBy: string | null;
  /** The marker of the last change that took something away, to confirm it again. */
  seq: number | null;
  enforcedAt: Date | null;
}

export interface MemberFilter {
  organizationId: string;
  /** Only people made before this one. */
  before: string | undefined;
  status: UserRecord['status'] | undefined;
  role: string | undefined;
  /** Part of name or address, in any case. */
  q: string | undefined;
}

/** Who belongs to which organization. Every query names the organization. */
export class MemberStore {
  constructor(private readonly database: Database) {}

  /** Somebody who was removed and comes back begins anew. */
  async join(
    tx: Transaction,
    membership: {
      userId: string;
      organizationId: string;
      roles: readonly string[];
      permissions: readonly string[];
      at: Date;
      by: string | null;
    },
  ): Promise<void> {
    await tx.manager.query(
      `insert into membership (user_id, organization_id, roles, permissions, created_at, created_by)
       values ($1, $2, $3, $4, $5, $6)
       on conflict (user_id, organization_id) do update
          set roles = $3, permissions = $4, created_at = $5, created_by = $6, disabled_at = null, disabled_by = null,
              removed_at = null, removed_by = null, seq = null, enforced_at = null`,
      [
        membership.userId,
        membership.organizationId,
        membership.roles,
        membership.permissions,
        membership.at,
        membership.by,
      ],
    );
  }

  /** A member, or one who was. */
  find(organizationId: string, userId: string, tx?: Transaction): Promise<Member | undefined> {
    const read = async (manager: EntityManager): Promise<Member | undefined> => {
      const [row] = await manager.query<StoredMember[]>(
        `${selectMember} where membership.organization_id = $1 and membership.user_id = $2`,
        [organizationId, userId],
      );
      return row && fromStored(row);
    };
    return tx ? read(tx.manager) : this.database.read(read);
  }

  /** Newest first, at most `limit`; who was removed is not among them. */
  list(filter: MemberFilter, limit: number): Promise<Member[]> {
    return this.database.read(async (manager) =>
      (
        await manager.query<StoredMember[]>(
          `${selectMember}
            where membership.organization_id = $1 and membership.removed_at is null
              and ($2::text is null or membership.user_id < $2)
              and ($3::text is null or $3 = case when membership.disabled_at is not null then 'disabled'
                                                 when account.password_hash is null then 'invited' else 'active' end)
              and ($4::text is null or $4 = any(membership.roles))
              and ($5::text is null or position(lower($5) in lower(account.email || ' ' || coalesce(account.name, ''))) > 0)
            order by membership.user_id desc limit $6`,
          [
            filter.organizationId,
            filter.before ?? null,
            filter.status ?? null,
            filter.role ?? null,
            filter.q ?? null,
            limit,
          ],
        )
      ).map(fromStored),
    );
  }

  /** Whether the organization, which must be locked, has an owner who can sign in beside this one. */
  async hasOtherOwner(tx: Transaction, organizationId: string, userId: string): Promise<boolean> {
    const rows = await tx.manager.query<unknown[]>(
      `select 1 from membership join user_account account on account.id = membership.user_id
        where membership.organization_id = $1 and membership.user_id <> $2 and 'owner' = any(membership.roles)
          and membership.disabled_at is null and membership.removed_at is null
          and account.status = 'active' and account.password_hash is not null limit 1`,
      [organizationId, userId],
    );
    return rows.length > 0;
  }

  /** Everything that somebody was given anywhere, whether or not it counts at the moment. */
  membershipsOf(tx: Transaction, userId: string): Promise<Membership[]> {
    return tx.manager.query<Membership[]>(
      `select organization_id, roles, permissions from membership
        where user_id = $1 and removed_at is null order by organization_id`,
      [userId],
    );
  }

  async setGrant(tx: Transaction, member: Member, given: { roles: readonly string[]; permissions: readonly string[] }) {
    await tx.manager.query(
      'update membership set roles = $3, permissions = $4 where organization_id = $1 and user_id = $2',
      [member.organizationId, member.userId, given.roles, given.permissions],
    );
  }

  async setDisabled(tx: Transaction, member: Member, disabled: { at: Date; by: string } | null): Promise<void> {
    await tx.manager.query(
      'update membership set disabled_at = $3, disabled_by = $4 where organization_id = $1 and user_id = $2',
      [member.organizationId, member.userId, disabled?.at ?? null, disabled?.by ?? null],
    );
  }

  async remove(tx: Transaction, member: Member, removed: { at: Date; by: string }): Promise<void> {
    await tx.manager.query(
      'update membership set removed_at = $3, removed_by = $4 where organization_id = $1 and user_id = $2',
      [member.organizationId, member.userId, removed.at, removed.by],
    );
  }

  /** Something was taken away, under this marker. */
  async setSeq(tx: Transaction, { organizationId, userId }: Member, seq: number): Promise<void> {
    await tx.manager.query(
      'update membership set seq = $3, enforced_at = null where organization_id = $1 and user_id = $2',
      [organizationId, userId, seq],
    );
  }
}

export const userRecord = (member: Member): UserRecord => ({
  id: member.userId,
  organization_id: member.organizationId,
  email: member.email,
  name: member.name,
  roles: member.roles,
  permissions: member.permissions,
  status: member.disabledAt !== null ? 'disabled' : member.hasPassword ? 'active' : 'invited',
  created_at: member.createdAt.toISOString(),
  created_by: member.createdBy,
  disabled_at: member.disabledAt?.toISOString() ?? null,
  disabled_by: member.disabledBy,
  enforced_at: member.enforcedAt?.toISOString() ?? null,
});

interface StoredMember extends Omit<Member, 'seq'> {
  seq: string | null;
}

const selectMember = `
  select membership.user_id as "userId", membership.organization_id as "organizationId", account.email, account.name,
         membership.roles, membership.permissions, account.password_hash is not null as "hasPassword",
         membership.created_at as "createdAt", membership.created_by as "createdBy",
         membership.disabled_at as "disabledAt", membership.disabled_by as "disabledBy",
         membership.removed_at as "removedAt", membership.removed_by as "removedBy", membership.seq,
         membership.enforced_at as "enforcedAt"
    from membership join user_account account on account.id = membership.user_id`;

const fromStored = (row: StoredMember): Member => ({ ...row, seq: row.seq === null ? null : Number(row.seq) });
