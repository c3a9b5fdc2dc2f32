import { Injectable } from '@nestjs/common';
import { Bus } from '@portcullis/bus';
import {
  type Audit,
  type AuthenticatedCaller,
  Identity,
  isId,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Cursors, Database } from '@portcullis/persistence';
import { EventStore } from './event.store.js';

/** How many events one page of a search for text looks through: some tenths of a second. The next page goes on from there. */
const maxExamined = 10_000;

/** The plain questions about the record. One organization's reader sees nothing of another's. */
@Injectable()
export class ReadEvents {
  private firstOrganization: Promise<string> | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly database: Database,
    private readonly events: EventStore,
  ) {}

  async list(caller: AuthenticatedCaller, request: RequestOf<typeof Audit.list>): Promise<ReplyOf<typeof Audit.list>> {
    const { limit, cursor, ...filter } = request;
    const { organization_id: organizationId } = caller.principal;
    const cursors = new Cursors(
      await this.database.localKey('cursors'),
      JSON.stringify(['events', organizationId, filter]),
    );
    const last = cursors.read(cursor);
    const { found, examinedDownTo } = await this.events.list(
      {
        ...filter,
        organizationId,
        installation: await this.seesInstallation(organizationId),
        before: last === undefined ? undefined : Number(last),
      },
      limit + 1,
      maxExamined,
    );
    const items = found.slice(0, limit);
    const end = found.length > limit ? items.at(-1)?.index : examinedDownTo;
    return {
      items: items.map(({ event }) => event),
      next_cursor: end === undefined ? null : cursors.write(String(end)),
    };
  }

  async one(caller: AuthenticatedCaller, { id }: RequestOf<typeof Audit.read>): Promise<ReplyOf<typeof Audit.read>> {
    const { organization_id: organizationId } = caller.principal;
    const installation = await this.seesInstallation(organizationId);
    const event = isId('evt', id) ? await this.events.read(organizationId, installation, id) : undefined;
    if (!event) throw new Refusal('not_found', 'No such event.');
    return event;
  }

  /** What is nobody's is the installation's, and that is the first organization's. It never changes, so it is asked once. */
  private async seesInstallation(organizationId: string): Promise<boolean> {
    this.firstOrganization ??= this.bus
      .call(Identity.installation, {})
      .then((installation) => installation.first_organization_id)
      .catch((error: unknown) => {
        this.firstOrganization = undefined;
        throw error;
      });
    return (await this.firstOrganization) === organizationId;
  }
}
