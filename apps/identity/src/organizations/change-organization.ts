import { Injectable } from '@nestjs/common';
import {
  type Action,
  type AuthenticatedCaller,
  eventOrigin,
  type Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { demandFirst } from './create-organization.js';
import { type Organization, organizationRecord, OrganizationStore } from './organization.store.js';
import { noSuchOrganization, ReadOrganizations } from './read-organizations.js';

/** Renames an organization, suspends it (nothing that belongs to it works, by the time that this answers) and resumes it. */
@Injectable()
export class ChangeOrganization {
  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationStore,
    private readonly read: ReadOrganizations,
    private readonly confirmChange: ConfirmChange,
  ) {}

  async rename(
    { id, name }: RequestOf<typeof Identity.updateOrganization>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.updateOrganization>> {
    await this.read.visible(id, caller);
    return this.database.transaction(async (tx) => {
      const organization = await this.lock(tx, id);
      if (organization.name !== name) {
        await this.organizations.rename(tx, id, name);
        await this.owe(tx, 'organization.updated', id, caller, { name });
      }
      return organizationRecord({ ...organization, name });
    });
  }

  async suspend(
    { id }: RequestOf<typeof Identity.suspendOrganization>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.suspendOrganization>> {
    await this.read.visible(id, caller);
    await demandFirst(this.organizations, caller);
    const seqs = await this.database.transaction(async (tx) => {
      const organization = await this.lock(tx, id);
      if (organization.first) {
        throw new Refusal('conflict', 'The first organization of an installation cannot be suspended.');
      }
      if (organization.status === 'suspended') return organization.seq === null ? [] : [organization.seq];
      await this.owe(tx, 'organization.suspended', id, caller, {});
      const seq = await tx.mark({ scope: 'organization', id, effect: 'block' });
      await this.organizations.suspend(tx, id, { by: caller.principal.id, at: this.database.now(), seq });
      return [seq];
    });
    return this.confirmed(id, seqs);
  }

  async resume(
    { id }: RequestOf<typeof Identity.resumeOrganization>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.resumeOrganization>> {
    await this.read.visible(id, caller);
    await demandFirst(this.organizations, caller);
    const seqs = await this.database.transaction(async (tx) => {
      const organization = await this.lock(tx, id);
      if (organization.status === 'active') return [];
      await this.owe(tx, 'organization.resumed', id, caller, {});
      await this.organizations.resume(tx, id);
      return [await tx.mark({ scope: 'organization', id, effect: 'lift' })];
    });
    return this.confirmed(id, seqs);
  }

  private async confirmed(id: string, seqs: readonly number[]) {
    const enforcement = await this.confirmChange.execute({
      seqs,
      organizationId: id,
      resource: { kind: 'organization', id },
      keptAs: 'organization',
    });
    const organization = await this.organizations.find(id);
    if (!organization) throw noSuchOrganization();
    return { ...organizationRecord(organization), enforcement };
  }

  private async lock(tx: Transaction, id: string): Promise<Organization> {
    const organization = await this.organizations.lock(tx, id);
    if (!organization) throw noSuchOrganization();
    return organization;
  }

  /** In the organization's own record, and in that of the one from which it was done. */
  private async owe(
    tx: Transaction,
    action: Action,
    id: string,
    caller: AuthenticatedCaller,
    details: Record<string, unknown>,
  ): Promise<void> {
    for (const organization_id of new Set([id, caller.principal.organization_id])) {
      await tx.owe({
        ...eventOrigin(caller),
        organization_id,
        action,
        resource: { kind: 'organization', id },
        details,
      });
    }
  }
}
