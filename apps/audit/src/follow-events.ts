import { type Audit, type AuthenticatedCaller, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { type Database } from '@portcullis/persistence';
import { type EventStore } from './event.store.js';
import { type Log } from './log/log.js';
import { noteReading } from './note-reading.js';
import { type Readers } from './readers.js';

/** Indexes that one answer goes over, and bytes of events in it. */
const maxLeaves = 1_000;
const maxBytes = 400_000;

/** What a reader sees of the record as it grows. Indexes are given in the order of the commits, so none is passed over. */
export class FollowEvents {
  constructor(
    private readonly database: Database,
    private readonly readers: Readers,
    private readonly events: EventStore,
    private readonly log: Log,
  ) {}

  async page(
    caller: AuthenticatedCaller,
    { after, continued }: RequestOf<typeof Audit.follow>,
  ): Promise<ReplyOf<typeof Audit.follow>> {
    const { size } = await this.log.store.head();
    if (after !== undefined && after >= size) {
      const message = `must be less than ${size}, the size of the log`;
      throw new Refusal('invalid_request', `after: ${message}.`, { errors: [{ field: 'after', message }] });
    }
    if (continued === undefined) {
      await noteReading(this.database, caller, 'record.followed', {
        kind: 'audit-events',
        details: after === undefined ? {} : { after },
      });
    }
    if (after === undefined) return { events: [], after: size - 1 };
    const from = after + 1;
    const most = Math.min(size, from + maxLeaves);
    const { events, end } = await this.events.opened(await this.readers.of(caller), from, most, maxBytes);
    const found = [...events].sort(([one], [other]) => one - other);
    return { events: found.map(([index, { event }]) => ({ leaf_index: index, event })), after: end - 1 };
  }
}
