import { Injectable } from '@nestjs/common';
import { type Membership, type Position, type PrincipalKind } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';
import { type User, UserStore } from './users/user.store.js';

/** Whoever credentials can belong to, and what they hold now: a person in several organizations, a service account in one. */
export interface Owner {
  id: string;
  kind: Extract<PrincipalKind, 'user' | 'service_account'>;
  status: 'active' | 'disabled' | 'deleted';
  /** Of a person. */
  passwordNumber: number | null;
  /** In organizations that are active. */
  memberships: Membership[];
}

/** People and service accounts, where it does not matter which. */
@Injectable()
export class Owners {
  constructor(
    private readonly database: Database,
    private readonly users: UserStore,
  ) {}

  async find(id: string, tx?: Transaction): Promise<Owner | undefined> {
    if (!isServiceAccount(id)) {
      const user = await this.users.find(id, tx);
      return user && ownerOf(user);
    }
    const read = (manager: EntityManager) => manager.query<Owner[]>(`${selectAccount} where account.id = $1`, [id]);
    const [account] = await (tx ? read(tx.manager) : this.database.read(read));
    return account;
  }

  /** An owner and the point of history at which it was read, from one statement. */
  async resolve(id: string): Promise<{ position: Position; owner: Owner | undefined }> {
    if (!isServiceAccount(id)) {
      const { position, user } = await this.users.resolve(id);
      return { position, owner: user && ownerOf(user) };
    }
    const [row] = await this.database.read((manager) =>
      manager.query<({ history: string; seq: string } & (Owner | { id: null }))[]>(
        `select position.history, position.seq, account.*
           from enforcement_position position left join (${selectAccount} where account.id = $1) account on true`,
        [id],
      ),
    );
    if (!row) throw new Error('enforcement_head has no row');
    const { history, seq, ...owner } = row;
    return { position: { history, seq: Number(seq) }, owner: owner.id === null ? undefined : owner };
  }
}

const ownerOf = ({ id, status, passwordNumber, memberships }: User): Owner => ({
  id,
  kind: 'user',
  status,
  passwordNumber,
  memberships,
});

const isServiceAccount = (id: string): boolean => id.startsWith('sa_');

const selectAccount = `
  select account.id, 'service_account' as kind, null::integer as "passwordNumber",
         case when account.deleted_at is not null then 'deleted' when account.disabled_at is not null then 'disabled'
              else 'active' end as status,
         case when organization.status = 'active'
              then json_build_array(json_build_object('organization_id', organization.id, 'roles', account.roles,
                                                      'permissions', account.permissions))
              else '[]' end as memberships
    from service_account account join organization on organization.id = account.organization_id`;
