import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, type Identity, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, readPage } from '@portcullis/persistence';
import { serviceAccountRecord, ServiceAccountStore } from './service-account.store.js';

/** The plain questions about the service accounts of the caller's organization. */
@Injectable()
export class ReadServiceAccounts {
  constructor(
    private readonly database: Database,
    private readonly accounts: ServiceAccountStore,
  ) {}

  /** One that is deleted too: its record stays. */
  async one(
    { id }: RequestOf<typeof Identity.readServiceAccount>,
    { principal }: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.readServiceAccount>> {
    const account = await this.accounts.find(principal.organization_id, id);
    if (!account) throw noSuchServiceAccount();
    return serviceAccountRecord(account);
  }

  async list(
    request: RequestOf<typeof Identity.listServiceAccounts>,
    { principal }: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.listServiceAccounts>> {
    const { status, q } = request;
    const { organization_id: organizationId } = principal;
    const filter = { status, q };
    return readPage(this.database, request, {
      list: ['service-accounts', organizationId, filter],
      find: (before, limit) => this.accounts.list({ ...filter, organizationId, before }, limit),
      place: (account) => account.id,
      item: serviceAccountRecord,
    });
  }
}

export const noSuchServiceAccount = (): Refusal => new Refusal('not_found', 'There is no such service account.');
