// One bucket: its objects in the order of their keys, its uploads, its documents. Changes come one after the other, each on
// disk before it is in memory; readers look at memory and never wait.
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, readFile, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Fault } from './faults.mjs';
import { readRecords, syncDirectory, writeDurably } from './files.mjs';
import { fromBinary, toBinary } from './target.mjs';

export class Bucket {
  /** Keys (binary strings) in order, and what each stands for. */
  #keys = [];
  #records = new Map();
  uploads = new Map();
  #last = Promise.resolve();
  #closed = false;

  constructor(storage, name, created) {
    this.storage = storage;
    this.name = name;
    this.created = created;
  }

  /** Reads a bucket of an earlier run. Adds the ids of all data that it needs to `named`. */
  static load(storage, name, named) {
    const folder = storage.path('buckets', name);
    const bucket = new Bucket(
      storage,
      name,
      new Date(JSON.parse(readFileSync(join(folder, 'bucket.json'), 'utf8')).created),
    );
    for (const { value } of readRecords(join(folder, 'objects'))) {
      bucket.#records.set(toBinary(value.key), value);
      for (const { id } of value.segments) named.add(id);
    }
    bucket.#keys = [...bucket.#records.keys()].sort();
    for (const id of readdirSync(join(folder, 'uploads'))) bucket.#loadUpload(join(folder, 'uploads', id), id, named);
    return bucket;
  }

  #loadUpload(folder, id, named) {
    const records = readRecords(folder);
    const upload = records.find(({ name }) => name === 'upload')?.value;
    const parts = records.filter(({ name }) => name !== 'upload');
    // Begun and not answered; or completed, and the crash came before it was taken away: its data is an object's.
    if (!upload || parts.some(({ value }) => value.segments.some((one) => named.has(one.id))))
      return rmSync(folder, { recursive: true });
    for (const { value } of parts) for (const one of value.segments) named.add(one.id);
    const numbered = parts.map(({ name, value }) => [Number(name), value]);
    this.uploads.set(id, { ...upload, id, key: toBinary(upload.key), parts: new Map(numbered) });
  }

  path(...parts) {
    return this.storage.path('buckets', this.name, ...parts);
  }

  get keys() {
    return this.#keys;
  }

  /** The record of an object, or undefined. It is never changed, only replaced. */
  find(key) {
    return this.#records.get(key);
  }

  object(key) {
    const record = this.find(key);
    if (!record) throw new S3Fault('NoSuchKey', undefined, { Key: fromBinary(key) });
    return record;
  }

  /** Puts a record in the place of what was there. `mayReplace(before)` throws if it must not, at the moment when it counts. */
  put(key, record, mayReplace = () => undefined) {
    return this.#change(() => this.#put(key, record, mayReplace));
  }

  async #put(key, record, mayReplace) {
    const before = this.find(key);
    mayReplace(before);
    await writeDurably(this.#recordPath(key), { key: fromBinary(key), ...record });
    this.#records.set(key, record);
    if (!before) this.#keys.splice(lowerBound(this.#keys, key), 0, key);
    // A change of tags keeps the data.
    const kept = new Set(record.segments.map(({ id }) => id));
    if (before && !before.segments.some(({ id }) => kept.has(id))) await this.storage.discard(before);
  }

  /** Changes what is said of an object, not its bytes. */
  amend(key, changes) {
    return this.#change(() => this.#put(key, { ...this.object(key), ...changes }, () => undefined));
  }

  /** Removes an object if it is there. */
  remove(key, mayRemove = () => undefined) {
    return this.#change(async () => {
      const record = this.find(key);
      mayRemove(record);
      if (!record) return;
      await unlink(this.#recordPath(key));
      await syncDirectory(this.path('objects'));
      this.#records.delete(key);
      this.#keys.splice(lowerBound(this.#keys, key), 1);
      await this.storage.discard(record);
    });
  }

  #recordPath(key) {
    return this.path('objects', createHash('sha256').update(key, 'latin1').digest('hex'));
  }

  upload(id, key) {
    const upload = this.uploads.get(id);
    if (!upload || upload.key !== key) throw new S3Fault('NoSuchUpload');
    return upload;
  }

  /** Resolves to the id of a new upload in parts. `described` is what the object will be, beside its data. */
  beginUpload(key, described) {
    return this.#change(async () => {
      const id = randomUUID().replaceAll('-', '');
      const upload = { key: fromBinary(key), initiated: new Date().toISOString(), described };
      await mkdir(this.path('uploads', id), { mode: 0o700 });
      await writeDurably(this.path('uploads', id, 'upload'), upload);
      await syncDirectory(this.path('uploads'));
      this.uploads.set(id, { ...upload, id, key, parts: new Map() });
      return id;
    });
  }

  putPart(id, key, number, part) {
    return this.#change(async () => {
      const { parts } = this.upload(id, key);
      await writeDurably(this.path('uploads', id, String(number)), part);
      const before = parts.get(number);
      parts.set(number, part);
      if (before) await this.storage.discard(before);
    });
  }

  /** `make(upload)` gives the record and says which parts are in it; the others go. */
  completeUpload(id, key, make, mayReplace) {
    return this.#change(async () => {
      const upload = this.upload(id, key);
      const { record, used } = make(upload);
      await this.#put(key, record, mayReplace);
      await this.#endUpload(
        id,
        [...upload.parts].filter(([number]) => !used.has(number)),
      );
      return record;
    });
  }

  abortUpload(id, key) {
    return this.#change(async () => this.#endUpload(id, [...this.upload(id, key).parts]));
  }

  async #endUpload(id, unused) {
    await rm(this.path('uploads', id), { recursive: true });
    await syncDirectory(this.path('uploads'));
    this.uploads.delete(id);
    for (const [, part] of unused) await this.storage.discard(part);
  }

  /** A document of that name, or null. */
  async configuration(name) {
    try {
      return await readFile(this.path('configuration', name), 'utf8');
    } catch (error) {
      if (error.code === 'ENOENT') return null;
      throw error;
    }
  }

  configure(name, text) {
    return this.#change(async () => {
      if (text !== null) return writeDurably(this.path('configuration', name), text);
      await rm(this.path('configuration', name), { force: true });
      await syncDirectory(this.path('configuration'));
    });
  }

  /** Takes the bucket out of use, if it is empty, once `remove` did it on disk. */
  close(remove) {
    return this.#change(async () => {
      if (this.#keys.length > 0) throw new S3Fault('BucketNotEmpty');
      await remove();
      this.#closed = true;
      for (const { parts } of this.uploads.values())
        for (const part of parts.values()) await this.storage.discard(part);
    });
  }

  /** One change after the other; what failed does not hold up what follows. */
  #change(work) {
    const done = this.#last.then(() => {
      if (this.#closed) throw new S3Fault('NoSuchBucket');
      return work();
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** Where `key` is, or would be. */
export function lowerBound(keys, key) {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
