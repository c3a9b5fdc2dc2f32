import { type Membership, type Position } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

export interface User {
  id: string;
  status: 'active' | 'disabled' | 'deleted';
  passwordHash: string | null;
  /** In organizations that are active. */
  memberships: Membership[];
}

/** An e-mail address as it is compared. */
export const emailKey = (email: string): string => email.normalize('NFC').trim().toLowerCase();

export class UserStore {
  constructor(private readonly database: Database) {}

  /** Whether there is any user, of whatever status. */
  any(tx?: Transaction): Promise<boolean> {
    return this.query(
      tx,
      async (manager) => (await manager.query<unknown[]>('select 1 from user_account limit 1')).length > 0,
    );
  }

  async insert(
    tx: Transaction,
    user: { id: string; email: string; name: string | null; passwordHash: string | null; createdAt: Date },
  ): Promise<void> {
    await tx.manager.query(
      `insert into user_account (id, email, email_key, name, status, password_hash, created_at)
       values ($1, $2, $3, $4, 'active', $5, $6)`,
      [user.id, user.email.trim(), emailKey(user.email), user.name, user.passwordHash, user.createdAt],
    );
  }

  async join(
    tx: Transaction,
    membership: { userId: string; organizationId: string; roles: string[]; at: Date },
  ): Promise<void> {
    await tx.manager.query(
      'insert into membership (user_id, organization_id, roles, created_at) values ($1, $2, $3, $4)',
      [membership.userId, membership.organizationId, membership.roles, membership.at],
    );
  }

  findByEmail(email: string): Promise<User | undefined> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<User[]>(`${selectUser} where account.email_key = $1`, [emailKey(email)]);
      return row;
    });
  }

  find(id: string, tx?: Transaction): Promise<User | undefined> {
    return this.query(tx, async (manager) => {
      const [row] = await manager.query<User[]>(`${selectUser} where account.id = $1`, [id]);
      return row;
    });
  }

  /** A user and the point of history at which it was read, from one statement. */
  async resolve(id: string): Promise<{ position: Position; user: User | undefined }> {
    const [row] = await this.database.read((manager) =>
      manager.query<(Nullable<User> & { history: string; seq: string })[]>(
        `select position.history, position.seq, account.*
           from enforcement_position position left join (${selectUser} where account.id = $1) account on true`,
        [id],
      ),
    );
    if (!row) throw new Error('enforcement_head has no row');
    const { history, seq, ...user } = row;
    return { position: { history, seq: Number(seq) }, user: user.id === null ? undefined : (user as User) };
  }

  /** The same password under another hash. One that was changed meanwhile stays as it is. */
  async rehash(tx: Transaction, id: string, hash: { from: string; to: string }): Promise<void> {
    await tx.manager.query('update user_account set password_hash = $3 where id = $1 and password_hash = $2', [
      id,
      hash.from,
      hash.to,
    ]);
  }

  private query<T>(tx: Transaction | undefined, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return tx ? work(tx.manager) : this.database.read(work);
  }
}

type Nullable<T> = { [Key in keyof T]: T[Key] | null };

const selectUser = `
  select account.id, account.status, account.password_hash as "passwordHash",
         coalesce((select json_agg(json_build_object('organization_id', organization.id, 'roles', membership.roles,
                                                     'permissions', membership.permissions) order by organization.id)
                     from membership join organization on organization.id = membership.organization_id
                    where membership.user_id = account.id and organization.status = 'active'), '[]') as memberships
    from user_account account`;
