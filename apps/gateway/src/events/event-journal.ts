import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditEvent } from '@portcullis/contracts';

export interface EventJournalOptions {
  /** The folder of one gateway and no other; made where it is not there, for this user only. */
  readonly directory: string;
  /** Which of the gateway's processes this is, from 1, and of how many. */
  readonly worker: number;
  readonly workers: number;
  readonly report: (line: string) => void;
}

/** The folder is none, or not this user's: what only an operator can mend. */
export class JournalFault extends Error {
  override readonly name = 'JournalFault';
}

/** Not EROFS: a disk that breaks is mounted so, and no reason to refuse a gateway. */
const unusable = ['EACCES', 'EEXIST', 'ELOOP', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR', 'EPERM'];

/**
 * The gateway's audit events that the stream has not taken, on disk beside memory: one file of one process, an event a line, synced before
 * it counts as written. Who takes the process's place finds them in `left`. What was published since stays in the file until `replace`:
 * it is published again then, and the record takes an event once, by its id. One call at a time.
 */
export class EventJournal {
  /** What the process before this one, and workers of whom there are fewer now, did not publish. */
  readonly left: AuditEvent[] = [];
  readonly #folder: string;
  readonly #path: string;
  #file: FileHandle | undefined;
  #count = 0;
  #isSound = false;
  /** Until then the file holds what nobody knows. */
  #isRead = false;
  #isReported = false;

  private constructor(private readonly options: EventJournalOptions) {
    this.#folder = join(options.directory, String(options.worker));
    this.#path = join(this.#folder, 'events.ndjson');
  }

  /** Throws `JournalFault`. A disk that has no room, or is ill, is reported, and tried again with each write. */
  static async open(options: EventJournalOptions): Promise<EventJournal> {
    const journal = new EventJournal(options);
    try {
      await journal.#makeFolder();
      await access(journal.#folder, constants.R_OK | constants.W_OK | constants.X_OK);
      await journal.#takeUp();
      if (options.worker === 1) await journal.#inherit();
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (unusable.includes(code))
        throw new JournalFault(
          `${options.directory} cannot hold events (${code}): set PORTCULLIS_SPILL_DIRECTORY to a folder that this user may write, or leave it out.`,
        );
      journal.#failed(error);
    }
    return journal;
  }

  /** Events in the file, those that were published since among them. */
  get count(): number {
    return this.#count;
  }

  /** Whether more may be appended. If not, `replace` makes it so. */
  get isSound(): boolean {
    return this.#isSound;
  }

  /** Answers whether they are in the file. Why not is reported, once until something is written again. */
  async append(events: readonly AuditEvent[]): Promise<boolean> {
    try {
      if (!this.#file) {
        this.#file = await open(this.#path, 'a', 0o600);
        await this.#syncFolder();
      }
      await this.#file.appendFile(linesOf(events));
      await this.#file.datasync();
      this.#count += events.length;
      this.#isReported = false;
      return true;
    } catch (error) {
      // Half a line may be there: nothing may follow it.
      this.#failed(error);
      return false;
    }
  }

  /** These are all that the file holds from now on, or it holds what it did. Answers whether that was done. */
  async replace(events: readonly AuditEvent[]): Promise<boolean> {
    const next = `${this.#path}.new`;
    try {
      await this.#makeFolder();
      if (!this.#isRead) await this.#setAside();
      const file = await open(next, 'w', 0o600);
      try {
        await file.writeFile(linesOf(events));
        await file.datasync();
      } finally {
        await file.close();
      }
      await this.close();
      await rename(next, this.#path);
      await this.#syncFolder();
      this.#count = events.length;
      this.#isSound = true;
      this.#isReported = false;
      return true;
    } catch (error) {
      await rm(next, { force: true }).catch(() => undefined);
      this.#failed(error);
      return false;
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }

  async #takeUp(): Promise<void> {
    const own = await this.#read(this.#path);
    this.left.push(...own.events);
    this.#count = own.events.length;
    this.#isSound = own.isWhole;
    this.#isRead = true;
  }

  async #inherit(): Promise<void> {
    const { directory, workers, report } = this.options;
    const gone = (await readdir(directory)).filter((name) => /^\d{1,6}$/.test(name) && Number(name) > workers);
    for (const name of gone) {
      const folder = join(directory, name);
      try {
        const { events } = await this.#read(join(folder, 'events.ndjson'));
        const all = [...this.left, ...events];
        if (events.length > 0 && !(await this.replace(all))) continue;
        this.left.splice(0, Infinity, ...all);
        await rm(folder, { recursive: true });
      } catch (error) {
        report(`${folder} has events of a process that is no more, which cannot be taken up: ${String(error)}`);
      }
    }
  }

  /** No file is an empty one. A process that was killed leaves half a line at most, at the end. */
  async #read(path: string): Promise<{ events: AuditEvent[]; isWhole: boolean }> {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    });
    const lines = text.split('\n');
    const rest = lines.pop();
    const events: AuditEvent[] = [];
    let damaged = rest === '' ? 0 : 1;
    for (const line of lines) {
      try {
        const event = JSON.parse(line) as AuditEvent | null;
        if (typeof event?.id !== 'string') throw new TypeError('no event');
        events.push(event);
      } catch {
        damaged += 1;
      }
    }
    if (damaged > 0) this.options.report(`${path}: ${damaged} of its lines are no events and are left out`);
    return { events, isWhole: damaged === 0 };
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** What could not be read when the process began is for an operator. */
  async #setAside(): Promise<void> {
    const aside = `${this.#path}.unread-${Date.now()}`;
    try {
      await rename(this.#path, aside);
      this.options.report(`what could not be read of the events of an earlier process is in ${aside}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    this.#isRead = true;
  }

  #failed(error: unknown): void {
    this.#isSound = false;
    if (!this.#isReported)
      this.options.report(`audit events cannot be written to disk and wait in memory: ${String(error)}`);
    this.#isReported = true;
  }

  /** Else a file that is new is gone when the power is. */
  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

const linesOf = (events: readonly AuditEvent[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join('');
