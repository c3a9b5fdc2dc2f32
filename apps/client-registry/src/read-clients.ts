import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, type ClientRegistry, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, readPage } from '@portcullis/persistence';
import { noSuchClient } from './change-client.js';
import { ClientStore } from './client.store.js';

/** The plain questions about clients. Every one of a caller carries the caller's organization. */
@Injectable()
export class ReadClients {
  constructor(
    private readonly database: Database,
    private readonly clients: ClientStore,
  ) {}

  async one(
    { principal }: AuthenticatedCaller,
    { id }: RequestOf<typeof ClientRegistry.read>,
  ): Promise<ReplyOf<typeof ClientRegistry.read>> {
    const client = await this.clients.read(principal.organization_id, id);
    if (!client) throw noSuchClient();
    return client;
  }

  list(
    { principal }: AuthenticatedCaller,
    { limit, cursor, ...filter }: RequestOf<typeof ClientRegistry.list>,
  ): Promise<ReplyOf<typeof ClientRegistry.list>> {
    const { organization_id: organizationId } = principal;
    return readPage(
      this.database,
      { limit, cursor },
      {
        list: ['clients', organizationId, filter],
        find: (before, most) => this.clients.list({ ...filter, organizationId, before }, most),
        place: (client) => client.id,
        item: (client) => client,
      },
    );
  }

  resolve(request: RequestOf<typeof ClientRegistry.resolve>): Promise<ReplyOf<typeof ClientRegistry.resolve>> {
    return 'id' in request
      ? this.clients.resolve('id', request.id)
      : this.clients.resolve('client_id', request.client_id);
  }
}
