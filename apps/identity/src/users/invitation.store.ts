import { randomBytes } from 'node:crypto';
import { newId } from '@portcullis/contracts';
import { Secret, sha256Hex } from '@portcullis/credentials';
import { type Database, type Transaction } from '@portcullis/persistence';

const daysValid = 7;
const daysKept = 30;

export interface Invitation {
  id: string;
  userId: string;
  organizationId: string;
  email: string;
  /** Null while it can be accepted. */
  over: 'expired' | 'accepted' | 'voided' | null;
}

export class InvitationStore {
  constructor(private readonly database: Database) {}

  /** The token, which is kept nowhere, and until when it is good. */
  async insert(
    tx: Transaction,
    { userId, organizationId }: { userId: string; organizationId: string },
    now: Date,
  ): Promise<{ token: Secret; expiresAt: Date }> {
    const token = randomBytes(32).toString('base64url');
    const expiresAt = new Date(now.getTime() + daysValid * 86_400_000);
    await tx.manager.query(
      `insert into invitation (id, token_sha256, user_id, organization_id, created_at, expires_at)
       values ($1, $2, $3, $4, $5, $6)`,
      [newId('inv', now), sha256Hex(token), userId, organizationId, now, expiresAt],
    );
    return { token: Secret.of(token), expiresAt };
  }

  async find(token: Secret): Promise<Invitation | undefined> {
    const [row] = await this.database.read((manager) =>
      manager.query<Invitation[]>(selectInvitation, [sha256Hex(token.reveal()), this.database.now()]),
    );
    return row;
  }

  /** Locked until the transaction ends: it is good once. */
  async lock(tx: Transaction, token: Secret): Promise<Invitation | undefined> {
    const [row] = await tx.manager.query<Invitation[]>(`${selectInvitation} for update of invitation`, [
      sha256Hex(token.reveal()),
      this.database.now(),
    ]);
    return row;
  }

  async accept(tx: Transaction, id: string, now: Date): Promise<void> {
    await tx.manager.query('update invitation set accepted_at = $2 where id = $1', [id, now]);
  }

  /** All that are open for a person, in one organization or in all. */
  async void(tx: Transaction, userId: string, organizationId: string | null, now: Date): Promise<void> {
    await tx.manager.query(
      `update invitation set voided_at = $3
        where user_id = $1 and ($2::text is null or organization_id = $2) and accepted_at is null and voided_at is null`,
      [userId, organizationId, now],
    );
  }

  async prune(now: Date): Promise<void> {
    const oldest = new Date(now.getTime() - daysKept * 86_400_000);
    await this.database.read((manager) => manager.query('delete from invitation where expires_at < $1', [oldest]));
  }
}

const selectInvitation = `
  select invitation.id, invitation.user_id as "userId", invitation.organization_id as "organizationId", account.email,
         case when invitation.accepted_at is not null then 'accepted' when invitation.voided_at is not null then 'voided'
              when invitation.expires_at <= $2 then 'expired' end as over
    from invitation join user_account account on account.id = invitation.user_id
   where invitation.token_sha256 = $1`;
