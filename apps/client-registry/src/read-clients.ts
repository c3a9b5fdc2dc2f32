import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, type ClientRegistry, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Cursors, Database } from '@portcullis/persistence';
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
    { limit, cursor }: RequestOf<typeof ClientRegistry.list>,
  ): Promise<ReplyOf<typeof ClientRegistry.list>> {
    const { organization_id } = caller.principal;
    const cursors = new Cursors(await this.database.localKey('cursors'), JSON.stringify(['clients', organization_id]));
    const found = await this.clients.list(organization_id, cursors.read(cursor), limit + 1);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return { items, next_cursor: found.length > limit && last ? cursors.write(last.id) : null };
  }
}
