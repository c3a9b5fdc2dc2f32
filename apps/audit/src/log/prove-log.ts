import { Audit, type AuthenticatedCaller, isId, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { hashBytes, readTilePath } from '@portcullis/merkle-log';
import { type Database, once } from '@portcullis/persistence';
import { type EventStore } from '../event.store.js';
import { noteReading } from '../note-reading.js';
import { type Readers } from '../readers.js';
import { type Log } from './log.js';

/** What the log proves, and by which keys. */
export class ProveLog {
  constructor(
    private readonly database: Database,
    private readonly readers: Readers,
    private readonly events: EventStore,
    private readonly log: Log,
  ) {}

  /** Of an event that the caller may see, or might have seen before it was erased. */
  async inclusion(
    caller: AuthenticatedCaller,
    { id }: RequestOf<typeof Audit.prove>,
  ): Promise<ReplyOf<typeof Audit.prove>> {
    const reader = await this.readers.of(caller);
    const index = isId('evt', id) ? await this.events.indexOf(reader, id) : undefined;
    if (index === undefined) throw new Refusal('not_found', 'No such event.');
    const { size, note } = await this.signedHead();
    const [leafHash, hashes] = await Promise.all([this.log.leafHash(index), this.log.inclusion(index, size)]);
    await noteReading(this.database, caller, 'record.viewed', { kind: 'audit-proof', id });
    return {
      leaf_index: index,
      tree_size: size,
      leaf_hash: leafHash.toString('base64'),
      hashes: hashes.map((hash) => hash.toString('base64')),
      checkpoint: note,
    };
  }

  async checkpoint(): Promise<ReplyOf<typeof Audit.checkpoint>> {
    return { checkpoint: (await this.signedHead()).note };
  }

  async consistency({ from, to }: RequestOf<typeof Audit.consistency>): Promise<ReplyOf<typeof Audit.consistency>> {
    const { size } = await this.log.store.head();
    if (to > size) throw fault('to', `must be at most ${size}, the size of the log`);
    if (from > to) throw fault('from', 'must not be more than to');
    return { from, to, hashes: (await this.log.consistency(from, to)).map((hash) => hash.toString('base64')) };
  }

  /** Only hashes that a checkpoint is made of: tiles grow in the transaction that signs it. */
  async tile({ path }: RequestOf<typeof Audit.tile>): Promise<ReplyOf<typeof Audit.tile>> {
    if (path.startsWith('tile/entries/'))
      throw new Refusal('not_found', 'The log serves no entries, only their hashes: events are in an export.');
    const wanted = readTilePath(path);
    if (!wanted)
      throw new Refusal(
        'not_found',
        'This is no path of a tile: tile/<level>/<index>, the index in groups of three digits, x001/x234/067.',
      );
    const { level, index } = wanted.tile;
    const [row] = await this.log.store.row(level, index, index + 1);
    const bytes = wanted.width * hashBytes;
    const hashes = row?.hashes.subarray(0, bytes);
    if (hashes?.length !== bytes)
      throw new Refusal(
        'not_found',
        'The log has no such tile, or not that much of it yet: the newest checkpoint says how large it is.',
      );
    return { hashes: hashes.toString('base64') };
  }

  async keys(): Promise<ReplyOf<typeof Audit.logKeys>> {
    const { origin } = await this.log.store.head();
    return { origin: origin ?? '', keys: await this.log.keys.list() };
  }

  async state(): Promise<ReplyOf<typeof Audit.state>> {
    const { size, checkedAt, damagedIndex, rejected } = await this.log.store.state();
    return { size, checked_at: checkedAt?.toISOString() ?? null, damaged_index: damagedIndex, rejected };
  }

  /** The installation's, so only the first organization may. */
  async rotateKey(caller: AuthenticatedCaller): Promise<ReplyOf<typeof Audit.rotateLogKey>> {
    if (!(await this.readers.of(caller)).installation)
      throw new Refusal(
        'forbidden',
        'The keys of the log are the installation’s: only its first organization changes them.',
      );
    const hmacKey = await this.database.localKey('idempotency');
    return this.log.locked((tx, head) => {
      const about = { caller, operation: Audit.rotateLogKey.subject, body: {}, hmacKey, now: this.database.now() };
      return once(tx, about, async () => {
        if (head.origin === null) throw new Error('the log has no name yet');
        const key = await this.log.keys.rotate(tx, head.origin, caller);
        await this.log.resign(tx.manager, { ...head, keyId: key.id });
        return key;
      });
    });
  }

  private async signedHead(): Promise<{ size: number; note: string }> {
    const { size, note } = await this.log.store.head();
    if (note === null) throw new Error('the log has no checkpoint yet');
    return { size, note };
  }
}

const fault = (field: string, message: string): Refusal =>
  new Refusal('invalid_request', `${field}: ${message}.`, { errors: [{ field, message }] });
