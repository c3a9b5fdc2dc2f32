import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, type Identity, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Cursors, Database } from '@portcullis/persistence';
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
    const { limit, cursor, status, q } = request;
    const { organization_id: organizationId } = principal;
    const filter = { status, q };
    const cursors = new Cursors(
      await this.database.localKey('cursors'),
      JSON.stringify(['service-accounts', organizationId, filter]),
    );
    const found = await this.accounts.list({ ...filter, organizationId, before: cursors.read(cursor) }, limit + 1);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return {
      items: items.map(serviceAccountRecord),
      next_cursor: found.length > limit && last ? cursors.write(last.id) : null,
    };
  }
}

export const noSuchServiceAccount = (): Refusal => new Refusal('not_found', 'There is no such service account.');
