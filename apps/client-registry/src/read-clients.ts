import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, type ClientRegistry, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, readPage } from '@portcullis/persistence';
import { ClientStore } from './client.store.js';

/** The plain questions about clients. Every one carries the caller's organization. */
@Injectable()
export class ReadClients {
  constructor(
    private readonly database: Database,
    private readonly clients: ClientStore,
  ) {}

  async list(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof ClientRegistry.list>,
  ): Promise<ReplyOf<typeof ClientRegistry.list>> {
    const { organization_id } = caller.principal;
    return readPage(this.database, request, {
      list: ['clients', organization_id],
      find: (before, limit) => this.clients.list(organization_id, before, limit),
      place: (client) => client.id,
      item: (client) => client,
    });
  }
}
