// What is kept, and how it survives. The directory holds
//
//   data/<uuid>                                 bytes: of an object, or of a part of one
//   buckets/<name>/bucket.json                  when it was made
//   buckets/<name>/objects/<sha-256 of key>     one record an object: its key, its headers, which data it consists of
//   buckets/<name>/uploads/<id>/{upload,<n>}    an upload in parts, and its parts
//   buckets/<name>/configuration/<name>         documents that are kept as they came
//
// An object exists when its record does: data is written and synced first, then the record appears under its name by a
// rename. Data that no record names is what a crash left; the next start removes it. A key never becomes a file name.
import { randomUUID } from 'node:crypto';
import { createReadStream, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { Bucket } from './bucket.mjs';
import { S3Fault } from './faults.mjs';
import { syncDirectory, writeDurably } from './files.mjs';

export class Storage {
  buckets = new Map();
  #directory;
  /** By the segments of a record: how many read them. Their data outlives the record as long. */
  #readers = new Map();

  /** One process may have a directory open at a time. */
  static async open(directory) {
    const storage = new Storage();
    storage.#directory = directory;
    await mkdir(storage.path('data'), { recursive: true, mode: 0o700 });
    await mkdir(storage.path('buckets'), { recursive: true, mode: 0o700 });
    const named = new Set();
    for (const name of readdirSync(storage.path('buckets'))) {
      // A bucket is made and removed under a name that begins with a dot.
      if (name.startsWith('.')) rmSync(storage.path('buckets', name), { recursive: true, force: true });
      else storage.buckets.set(name, Bucket.load(storage, name, named));
    }
    for (const id of readdirSync(storage.path('data'))) if (!named.has(id)) rmSync(storage.path('data', id));
    return storage;
  }

  path(...parts) {
    return join(this.#directory, ...parts);
  }

  bucket(name) {
    const bucket = this.buckets.get(name);
    if (!bucket) throw new S3Fault('NoSuchBucket');
    return bucket;
  }

  async createBucket(name) {
    if (this.buckets.has(name)) throw new S3Fault('BucketAlreadyOwnedByYou');
    const bucket = new Bucket(this, name, new Date());
    this.buckets.set(name, bucket);
    try {
      const making = this.path('buckets', `.${randomUUID()}`);
      for (const part of ['objects', 'uploads', 'configuration'])
        await mkdir(join(making, part), { recursive: true, mode: 0o700 });
      await writeDurably(join(making, 'bucket.json'), { created: bucket.created });
      await rename(making, bucket.path());
      await syncDirectory(this.path('buckets'));
    } catch (error) {
      this.buckets.delete(name);
      throw error;
    }
  }

  /** Refuses if objects are in it. Uploads that were not completed go with it. */
  async deleteBucket(name) {
    const bucket = this.bucket(name);
    await bucket.close(async () => {
      const gone = this.path('buckets', `.${randomUUID()}`);
      await rename(bucket.path(), gone);
      await syncDirectory(this.path('buckets'));
      this.buckets.delete(name);
      await rm(gone, { recursive: true });
    });
  }

  /** A place for bytes: `write` them, then `finish`, which gives the segments of a record; whoever fails must `discard`. */
  async newData() {
    const id = randomUUID();
    const path = this.path('data', id);
    const file = await open(path, 'wx', 0o600);
    let size = 0;
    return {
      write: async (bytes) => {
        for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
        size += bytes.length;
      },
      finish: async () => {
        await file.sync();
        await file.close();
        await syncDirectory(dirname(path));
        return [{ id, size }];
      },
      discard: async () => {
        await file.close().catch(() => undefined);
        await unlink(path);
      },
    };
  }

  /** The bytes from `start` to `end`, both included, as a stream that must be read or destroyed. */
  read(record, start = 0, end = record.size - 1) {
    const held = this.#readers.get(record.segments) ?? { count: 0, ended: false };
    this.#readers.set(record.segments, held);
    held.count++;
    const stream = Readable.from(
      pieces(record.segments, start, end, (id) => this.path('data', id)),
      { objectMode: false },
    );
    stream.once('close', () => {
      if (--held.count > 0) return;
      this.#readers.delete(record.segments);
      if (held.ended) void this.discard(record);
    });
    return stream;
  }

  /** The data of a record that exists no more, as soon as nobody reads it. What cannot be removed now is at the next start. */
  async discard(record) {
    const held = this.#readers.get(record.segments);
    if (held) return void (held.ended = true);
    for (const { id } of record.segments) await unlink(this.path('data', id)).catch(() => undefined);
  }
}

async function* pieces(segments, start, end, pathOf) {
  let offset = 0;
  for (const { id, size } of segments) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, size - 1);
    if (from <= to) yield* createReadStream(pathOf(id), { start: from, end: to, highWaterMark: 256 * 1024 });
    offset += size;
  }
}
