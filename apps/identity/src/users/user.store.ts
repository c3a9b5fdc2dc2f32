import { type Membership, type Position } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

export interface User {
  id: string;
  status: 'active' | 'disabled' | 'deleted';
  email: string;
  passwordHash: string | null;
  /** Which of the person's passwords that is; a rehash of the same one leaves it. */
  passwordNumber: number;
  /** Of organizations that are active and in which they are not disabled. */
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

  /** A person, locked until the transaction ends: what they sign in with and where they belong changes one after the other. */
  async lock(tx: Transaction, id: string): Promise<User | undefined> {
    await tx.manager.query('select 1 from user_account where id = $1 for update', [id]);
    return this.find(id, tx);
  }

  /** One at a time for one address, so that two who name it make one person. Answers who has it, locked. */
  async lockByEmail(tx: Transaction, email: string): Promise<User | undefined> {
    const key = emailKey(email);
    await tx.manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`identity:email:${key}`]);
    const [row] = await tx.manager.query<{ id: string }[]>(
      'select id from user_account where email_key = $1 for update',
      [key],
    );
    return row && this.find(row.id, tx);
  }

  /** Whether the password is still the one of a sign-in under way. Until the transaction ends nobody changes it. */
  async stillHas(tx: Transaction, user: User, lock: 'share' | 'update'): Promise<boolean> {
    const rows = await tx.manager.query<unknown[]>(
      `select 1 from user_account where id = $1 and status = 'active' and password_number = $2
          for ${lock}`,
      [user.id, user.passwordNumber],
    );
    return rows.length > 0;
  }

  async setPassword(tx: Transaction, id: string, passwordHash: string): Promise<void> {
    await tx.manager.query(
      'update user_account set password_hash = $2, password_number = password_number + 1 where id = $1',
      [id, passwordHash],
    );
  }

  /** The markers of the last change of somebody's password, which nobody has confirmed yet. */
  async notePasswordChange(
    tx: Transaction,
    id: string,
    organizationId: string | null,
    seqs: readonly number[],
  ): Promise<void> {
    await tx.manager.query(
      `insert into password_change (user_id, organization_id, seqs) values ($1, $2, $3)
       on conflict (user_id) do update
          set organization_id = excluded.organization_id, seqs = excluded.seqs, enforced_at = null`,
      [id, organizationId, seqs],
    );
  }

  async rename(tx: Transaction, id: string, name: string | null): Promise<void> {
    await tx.manager.query('update user_account set name = $2 where id = $1', [id, name]);
  }

  /** The end of a person: the id stays, for the records that name it; the address is free again, and kept nowhere here. */
  async erase(tx: Transaction, id: string): Promise<void> {
    await tx.manager.query(
      `update user_account set status = 'deleted', email = '', email_key = id, name = null, password_hash = null
        where id = $1`,
      [id],
    );
  }

  private query<T>(tx: Transaction | undefined, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return tx ? work(tx.manager) : this.database.read(work);
  }
}

type Nullable<T> = { [Key in keyof T]: T[Key] | null };

const selectUser = `
  select account.id, account.email, account.status, account.password_hash as "passwordHash",
         account.password_number as "passwordNumber",
         coalesce((select json_agg(json_build_object('organization_id', organization.id, 'roles', membership.roles,
                                                     'permissions', membership.permissions) order by organization.id)
                     from membership join organization on organization.id = membership.organization_id
                    where membership.user_id = account.id and organization.status = 'active'
                      and membership.disabled_at is null and membership.removed_at is null), '[]') as memberships
    from user_account account`;
