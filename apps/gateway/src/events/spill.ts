import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditEvent } from '@portcullis/contracts';

export interface SpillOptions {
  /** The folder of one gateway and no other; made where it is not there, for this user only. */
  readonly directory: string;
  /** Which of the gateway's processes this is, from 1, and of how many. */
  readonly worker: number;
  readonly workers: number;
  readonly report: (line: string) => void;
  /** Bytes on disk, of this process. */
  readonly maxBytes?: number;
}

/** A file that nothing is written to any more. */
export interface SpilledFile {
  readonly path: string;
  readonly events: AuditEvent[];
}

interface Written {
  readonly handle: FileHandle;
  readonly entry: Entry;
}

interface Entry {
  readonly path: string;
  bytes: number;
  count: number;
}

const fileBytes = 1024 * 1024;
const defaultMaxBytes = 64 * 1024 * 1024;
const fileName = /^\d{8}\.ndjson$/;

/** The folder cannot be used. */
export class SpillFault extends Error {
  override readonly name = 'SpillFault';
}

/**
 * The gateway's audit events on disk while the stream is away: files of 1 MiB, an event a line, synced before they count as kept. They
 * outlive the process: who takes its place has them. A file goes once all of it is published, and is published anew where that was cut
 * short: the record takes an event once, by its id.
 */
export class Spill {
  readonly #options: SpillOptions;
  readonly #directory: string;
  /** The next to be published first. */
  readonly #entries: Entry[] = [];
  #written: Written | undefined;
  #lastNumber = 0;
  #isRefused = false;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: SpillOptions) {
    this.#options = options;
    this.#directory = join(options.directory, String(options.worker));
  }

  /**
   * Takes up what the process before this one left; the first also what workers left of whom there are fewer now.
   * Throws `SpillFault` where the folder cannot be read and written.
   */
  static async open(options: SpillOptions): Promise<Spill> {
    const spill = new Spill(options);
    try {
      await mkdir(spill.#directory, { recursive: true, mode: 0o700 });
      await access(spill.#directory, constants.R_OK | constants.W_OK | constants.X_OK);
      for (const path of await filesIn(spill.#directory)) await spill.#takeUp(path);
      if (options.worker === 1) await spill.#inherit();
      return spill;
    } catch (error) {
      throw new SpillFault(
        `${options.directory} cannot hold events (${(error as NodeJS.ErrnoException).code}): set PORTCULLIS_SPILL_DIRECTORY to a folder that this user may write, or leave it out.`,
      );
    }
  }

  /** Events on disk. */
  get size(): number {
    return sum(this.#all(), ({ count }) => count);
  }

  get files(): number {
    return this.#all().length;
  }

  /** Answers whether they are on disk, synced. Not where the bound is reached; nor where the disk refuses, which is reported once. */
  append(events: readonly AuditEvent[]): Promise<boolean> {
    return this.#inTurn(() => this.#append(events));
  }

  /** What is to be published first; nothing is written there any more. */
  next(): Promise<SpilledFile | undefined> {
    return this.#inTurn(() => this.#next());
  }

  /** All of it is published, or spilled anew. */
  async remove({ path }: SpilledFile): Promise<void> {
    await rm(path, { force: true });
    this.#entries.splice(this.#at(path), 1);
  }

  /** Nothing of it could be published: the others come before it now. */
  postpone({ path }: SpilledFile): void {
    this.#entries.push(...this.#entries.splice(this.#at(path), 1));
  }

  /** Nothing is appended after this. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#end());
  }

  async #append(events: readonly AuditEvent[]): Promise<boolean> {
    const lines = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const bytes = sum(this.#all(), (entry) => entry.bytes);
    if (bytes + lines.length > (this.#options.maxBytes ?? defaultMaxBytes)) return false;
    try {
      const { handle, entry } = (this.#written ??= await this.#begin());
      await handle.appendFile(lines);
      await handle.datasync();
      entry.bytes += lines.length;
      entry.count += events.length;
      if (entry.bytes >= fileBytes) await this.#end();
      this.#isRefused = false;
      return true;
    } catch (error) {
      if (!this.#isRefused)
        this.#options.report(`audit events stay in memory, the disk does not take them: ${String(error)}`);
      this.#isRefused = true;
      await this.#end();
      return false;
    }
  }

  async #next(): Promise<SpilledFile | undefined> {
    if (this.#entries.length === 0) await this.#end();
    const [entry] = this.#entries;
    if (!entry) return undefined;
    const { events, torn } = parse(await readFile(entry.path, 'utf8'));
    if (torn > 0) this.#options.report(`${entry.path} was cut short: ${torn} of its lines are no events`);
    return { path: entry.path, events };
  }

  /** Of the file that is being written. */
  async #end(): Promise<void> {
    const written = this.#written;
    this.#written = undefined;
    if (!written) return;
    if (written.entry.count > 0) this.#entries.push(written.entry);
    await written.handle.close().catch(() => undefined);
  }

  /** A file is not ended while it is being appended to. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #all(): readonly Entry[] {
    return this.#written ? [...this.#entries, this.#written.entry] : this.#entries;
  }

  #at(path: string): number {
    return this.#entries.findIndex((entry) => entry.path === path);
  }

  async #begin(): Promise<Written> {
    const path = this.#nextPath();
    return { handle: await open(path, 'ax', 0o600), entry: { path, bytes: 0, count: 0 } };
  }

  #nextPath(): string {
    this.#lastNumber += 1;
    return join(this.#directory, `${String(this.#lastNumber).padStart(8, '0')}.ndjson`);
  }

  async #takeUp(path: string): Promise<void> {
    this.#lastNumber = Math.max(this.#lastNumber, Number(path.slice(-15, -7)));
    const [{ size }, { events }] = [await stat(path), parse(await readFile(path, 'utf8'))];
    if (events.length === 0) await rm(path, { force: true });
    else this.#entries.push({ path, bytes: size, count: events.length });
  }

  async #inherit(): Promise<void> {
    const { directory, workers } = this.#options;
    const gone = (await readdir(directory)).filter((name) => /^\d{1,3}$/.test(name) && Number(name) > workers);
    for (const name of gone) {
      for (const left of await filesIn(join(directory, name))) {
        const path = this.#nextPath();
        await rename(left, path);
        await this.#takeUp(path);
      }
    }
  }
}

const filesIn = async (directory: string): Promise<string[]> =>
  (await readdir(directory))
    .filter((name) => fileName.test(name))
    .sort()
    .map((name) => join(directory, name));

/** A process that was killed leaves half a line at most, at the end. */
function parse(text: string): { events: AuditEvent[]; torn: number } {
  const events: AuditEvent[] = [];
  let torn = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      events.push(JSON.parse(line) as AuditEvent);
    } catch {
      torn += 1;
    }
  }
  return { events, torn };
}

const sum = (entries: readonly Entry[], of: (entry: Entry) => number): number =>
  entries.reduce((total, entry) => total + of(entry), 0);
