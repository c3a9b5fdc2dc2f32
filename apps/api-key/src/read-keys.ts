import { Injectable } from '@nestjs/common';
import { type ApiKey, type AuthenticatedCaller, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, readPage } from '@portcullis/persistence';
import { ApiKeyStore } from './api-key.store.js';

/** The plain questions about keys. Every one carries the caller's organization. */
@Injectable()
export class ReadKeys {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyStore,
  ) {}

  async one(caller: AuthenticatedCaller, { id }: RequestOf<typeof ApiKey.read>): Promise<ReplyOf<typeof ApiKey.read>> {
    const record = await this.keys.read(caller.principal.organization_id, id);
    if (!record) throw new Refusal('not_found', 'No such API key.');
    return record;
  }

  async list(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof ApiKey.list>,
  ): Promise<ReplyOf<typeof ApiKey.list>> {
    const { limit, cursor, ...filter } = request;
    const { organization_id: organizationId } = caller.principal;
    return readPage(
      this.database,
      { limit, cursor },
      {
        list: ['api-keys', organizationId, filter],
        find: (before, atMost) => this.keys.list({ ...filter, organizationId, before }, atMost),
        place: (record) => record.id,
        item: (record) => record,
      },
    );
  }

  async resolve(request: RequestOf<typeof ApiKey.resolve>): Promise<ReplyOf<typeof ApiKey.resolve>> {
    if ('id' in request) return this.keys.resolve('id', request.id);
    if ('client_id' in request) return this.keys.resolve('client_id', request.client_id);
    if ('sha256' in request) return this.keys.resolve('sha256', request.sha256);
    return this.keys.resolve('lookup', request.lookup);
  }
}
