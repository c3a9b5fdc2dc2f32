import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, type Identity, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, readPage } from '@portcullis/persistence';
import { UserStore } from '../users/user.store.js';
import { type Organization, organizationRecord, OrganizationStore } from './organization.store.js';

/** What may be known of organizations: all of them in the first one, one's own elsewhere. */
@Injectable()
export class ReadOrganizations {
  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationStore,
    private readonly users: UserStore,
  ) {}

  async one(
    { id }: RequestOf<typeof Identity.readOrganization>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.readOrganization>> {
    return organizationRecord(await this.visible(id, caller));
  }

  /** The organization, if the caller may know of it; else there is none. */
  async visible(id: string, { principal }: AuthenticatedCaller): Promise<Organization> {
    const own = principal.organization_id;
    const mayKnow = id === own || own === (await this.organizations.firstId());
    const organization = mayKnow ? await this.organizations.find(id) : undefined;
    if (!organization) throw noSuchOrganization();
    return organization;
  }

  async list(
    request: RequestOf<typeof Identity.listOrganizations>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.listOrganizations>> {
    const ids = await this.visibleIds(caller.principal);
    return readPage(this.database, request, {
      list: ['organizations', caller.principal.organization_id, caller.principal.id],
      find: (before, limit) => this.organizations.list({ ids, before }, limit),
      place: (organization) => organization.id,
      item: organizationRecord,
    });
  }

  private async visibleIds(principal: {
    id: string;
    organization_id: string | null;
  }): Promise<readonly string[] | null> {
    const { organization_id: own } = principal;
    if (own === null) {
      const person = await this.users.find(principal.id);
      return person?.memberships.map((membership) => membership.organization_id) ?? [];
    }
    return own === (await this.organizations.firstId()) ? null : [own];
  }
}

export const noSuchOrganization = (): Refusal => new Refusal('not_found', 'There is no such organization.');
