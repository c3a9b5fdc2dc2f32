import { type Audit, type AuthenticatedCaller, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { tileHashes } from '@portcullis/merkle-log';
import { type Database } from '@portcullis/persistence';
import { type EventStore, type Reader } from './event.store.js';
import { type Log } from './log/log.js';
import { noteReading } from './note-reading.js';
import { type Readers } from './readers.js';

/** Indexes of one page, and bytes of its events: a message holds 1 MB. One event may be as large as it was when it came. */
const maxPageLeaves = 2_000;
const maxPageBytes = 400_000;

type Request = RequestOf<typeof Audit.exportPage>;

/** Pages of the record with their proofs: the reader's own events with their salts, of all else the leaf hashes. */
export class ExportEvents {
  constructor(
    private readonly database: Database,
    private readonly readers: Readers,
    private readonly events: EventStore,
    private readonly log: Log,
  ) {}

  async page(caller: AuthenticatedCaller, request: Request): Promise<ReplyOf<typeof Audit.exportPage>> {
    const reader = await this.readers.of(caller);
    const { from, to } = await this.rangeOf(reader, request);
    if (request.continued === undefined) {
      const { since, until } = request;
      await noteReading(this.database, caller, 'record.exported', {
        kind: 'audit-events',
        details: { from, to, ...(since ? { since } : {}), ...(until ? { until } : {}) },
      });
    }
    const most = Math.min(to, from + maxPageLeaves);
    const { events, end } = await this.events.opened(reader, from, most, maxPageBytes);
    const lines = (await this.leaves(from, end)).map((leafHash, at) => {
      const own = events.get(from + at);
      return {
        leaf_index: from + at,
        leaf_hash: leafHash.toString('base64'),
        ...(own ? { salt: own.salt.toString('base64'), event: own.event } : {}),
      };
    });
    return { lines, next: end < to ? end : null, to };
  }

  private async rangeOf(reader: Reader, { from, to, since, until }: Request): Promise<{ from: number; to: number }> {
    const { size } = await this.log.store.head();
    if (from !== undefined && since !== undefined) throw fault('since', 'give either this or from');
    if (to !== undefined && until !== undefined) throw fault('until', 'give either this or to');
    if (to !== undefined && to > size) throw fault('to', `must be at most ${size}, the size of the log`);
    if (from !== undefined && from > size) throw fault('from', `must be at most ${size}, the size of the log`);
    const end = to ?? (until === undefined ? size : await this.events.endBefore(reader, until, size));
    const start = from ?? (since === undefined ? 0 : await this.events.firstSince(reader, since, size));
    if (from !== undefined && from > end) throw fault('from', 'must not be more than the end of the range');
    return { from: Math.min(start, end), to: end };
  }

  private async leaves(from: number, to: number): Promise<Buffer[]> {
    const first = Math.floor(from / tileHashes);
    const ids = Array.from({ length: Math.ceil(to / tileHashes) - first }, (_, at) => ({
      level: 0,
      index: first + at,
    }));
    const tiles = await this.log.store.tiles(ids);
    return Array.from({ length: to - from }, (_, at) => tiles.node(0, from + at));
  }
}

const fault = (field: string, message: string): Refusal =>
  new Refusal('invalid_request', `${field}: ${message}.`, { errors: [{ field, message }] });
