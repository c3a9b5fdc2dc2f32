import { Injectable } from '@nestjs/common';
import { type Transaction } from '@portcullis/persistence';
import { OrganizationStore } from '../organizations/organization.store.js';
import { type Member, MemberStore } from './member.store.js';
import { UserStore } from './user.store.js';

/** A member, or one who was, with the organization and the person locked until the transaction ends; in that order, always. */
@Injectable()
export class LockMember {
  constructor(
    private readonly organizations: OrganizationStore,
    private readonly users: UserStore,
    private readonly members: MemberStore,
  ) {}

  async execute(tx: Transaction, organizationId: string, userId: string): Promise<Member | undefined> {
    await this.organizations.lock(tx, organizationId);
    await this.users.lock(tx, userId);
    return this.members.find(organizationId, userId, tx);
  }
}
