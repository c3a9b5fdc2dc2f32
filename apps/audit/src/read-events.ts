import {
  type Audit,
  type AuthenticatedCaller,
  isId,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Cursors, type Database } from '@portcullis/persistence';
import { type EventStore, type Reader } from './event.store.js';
import { noteReading } from './note-reading.js';
import { type Readers } from './readers.js';

/** How many events one page of a search for text looks through: some tenths of a second. The next page goes on from there. */
const maxExamined = 10_000;

/** The plain questions about the record. One organization's reader sees nothing of another's. */
export class ReadEvents {
  constructor(
    private readonly readers: Readers,
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
        ...(await this.readers.of(caller)),
        before: last === undefined ? undefined : Number(last),
      },
      limit + 1,
      maxExamined,
    );
    if (cursor === undefined) {
      const { q, ...details } = filter;
      const kind = 'audit-events';
      await noteReading(this.database, caller, 'record.viewed', {
        kind,
        details: { ...details, ...(q === undefined ? {} : { searched: true }) },
      });
    }
    const items = found.slice(0, limit);
    const end = found.length > limit ? items.at(-1)?.index : examinedDownTo;
    return {
      items: items.map(({ event }) => event),
      next_cursor: end === undefined ? null : cursors.write(String(end)),
    };
  }

  async one(caller: AuthenticatedCaller, { id }: RequestOf<typeof Audit.read>): Promise<ReplyOf<typeof Audit.read>> {
    const reader = await this.readers.of(caller);
    const event = isId('evt', id) ? await this.events.read(reader, id) : undefined;
    if (!event) throw new Refusal('not_found', await this.whyNot(reader, id));
    await noteReading(this.database, caller, 'record.viewed', { kind: 'audit-event', id });
    return event;
  }

  /** Of the reader's own events, whose proofs there still are, it is said what became of them. */
  private async whyNot(reader: Reader, id: string): Promise<string> {
    const gone = isId('evt', id) ? await this.events.gone(reader, id) : undefined;
    if (!gone) return 'No such event.';
    const how = gone.expired ? 'dropped when its retention term was over' : 'erased';
    return `What this event said was ${how}, on ${gone.at.toISOString()}. Its leaf is in the log.`;
  }
}
