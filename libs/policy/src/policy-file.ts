import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilePolicy, type CompileOptions, type Policy } from './compile-policy.js';
import { readSource, type PolicySource } from './policy-source.js';
import { type PolicyFault } from './yaml-reader.js';

export interface PolicySettings extends CompileOptions {
  /** Where the shipped catalogue is; unless given, `config/catalogue` of this checkout. */
  catalogueDirectory?: string;
}

export interface PolicyFileOptions extends PolicySettings {
  /** After a new policy is in force, and after a bad edit was undone. Must not throw. */
  onReload?: (policy: Policy) => void;
  /** Once for each bad edit; the policy before it stays in force. Must not throw. */
  onFault?: (faults: PolicyFault[]) => void;
  /**
   * How often the files are looked at. An edit counts once two looks in a row see the same, so that none is read
   * halfway.
   */
  lookMilliseconds?: number;
  /** For `status`; the system's clock unless given. */
  now?: () => Date;
}

/** What a process runs, for whoever compares processes. */
export interface PolicyStatus {
  digest: string;
  /** When that policy came into force here. */
  loadedAt: Date;
  /** The edit that was not taken and has not been mended since; null when the files are the policy in force. */
  refused: { at: Date; faults: readonly PolicyFault[] } | null;
}

/** A policy that cannot be used, with every fault; `message` has one line for each, `file:line: sentence`. */
export class PolicyFaults extends Error {
  override readonly name = 'PolicyFaults';
  constructor(readonly faults: readonly PolicyFault[]) {
    super(faults.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
  }
}

/** How a process that follows a policy says so, in its own log: what is in force now, and every fault of an edit that is not. */
export function followEdits(report: (line: string) => void): Required<Pick<PolicyFileOptions, 'onReload' | 'onFault'>> {
  return {
    onReload: ({ digest }) => report(`the policy ${digest} is in force`),
    onFault: (faults) =>
      report(
        `the policy was edited and cannot be used; the one before stays in force:\n${new PolicyFaults(faults).message}`,
      ),
  };
}

const SHIPPED_CATALOGUE = fileURLToPath(new URL('../../../config/catalogue', import.meta.url));
const MOST_FILES = 100;

/**
 * Reads the catalogue (every `.yaml` of its directory, by name), the policy file and what it includes, depth first,
 * each relative to the file that names it. Files that cannot be read, and a file included twice, are faults. `files`
 * is every file that was looked for, the catalogue's first.
 */
export async function readPolicySources(
  policyPath: string,
  { catalogueDirectory = SHIPPED_CATALOGUE }: PolicySettings = {},
): Promise<{ sources: PolicySource[]; faults: PolicyFault[]; files: string[] }> {
  const files: string[] = [];
  const sources: PolicySource[] = [];
  const faults: PolicyFault[] = [];
  const read = async (file: string, role: PolicySource['role'], namedAt: PolicyFault): Promise<void> => {
    if (files.some((before) => resolve(before) === resolve(file))) {
      faults.push({ ...namedAt, message: `${file} is included more than once` });
      return;
    }
    if (files.length >= MOST_FILES) {
      faults.push({ ...namedAt, message: `${file} is beyond ${MOST_FILES} files` });
      return;
    }
    files.push(file);
    const text = await textOf(file);
    if (text === undefined) {
      faults.push({ ...namedAt, message: `${file} cannot be read` });
      return;
    }
    const source = { file, text, role };
    sources.push(source);
    if (role === 'catalogue') return;
    for (const { value, line } of readSource(source, {}).includes) {
      await read(resolveBeside(file, value), 'policy', { file, line, message: '' });
    }
  };

  const catalogue = await catalogueFiles(catalogueDirectory);
  if (catalogue.length === 0) faults.push({ file: catalogueDirectory, line: 0, message: 'there is no catalogue here' });
  for (const file of catalogue) await read(file, 'catalogue', { file, line: 0, message: '' });
  await read(policyPath, 'policy', { file: policyPath, line: 0, message: '' });
  return { sources, faults, files };
}

/** Reads and compiles. */
export async function loadPolicy(
  policyPath: string,
  settings: PolicySettings = {},
): Promise<{ policy: Policy } | { faults: PolicyFault[] }> {
  const { sources, faults } = await readPolicySources(policyPath, settings);
  const result = compilePolicy(sources, settings);
  if (faults.length === 0) return result;
  return { faults: [...faults, ...('faults' in result ? result.faults : [])] };
}

/**
 * A policy that follows its files. `current` is always one whole policy: take it once for each request and keep it
 * for that request. Reads the few files again and again instead of asking the system to watch them: editors replace
 * files, clusters swap links, mounts send no notice. What counts is the text, so a look can neither miss an edit nor
 * see one in a touched file.
 */
export class PolicyFile {
  #current: Policy;
  #seen: string;
  #loaded: string;
  #loadedAt: Date;
  #refused: PolicyStatus['refused'] = null;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #path: string;
  readonly #options: PolicyFileOptions;
  #policyFiles: readonly string[];

  private constructor(path: string, options: PolicyFileOptions, policy: Policy, { policyFiles, print }: Loaded) {
    this.#path = path;
    this.#options = options;
    this.#current = policy;
    this.#policyFiles = policyFiles;
    this.#seen = this.#loaded = print;
    this.#loadedAt = this.#now();
    this.#schedule();
  }

  /** Throws `PolicyFaults` if the policy cannot be used as it is. */
  static async open(path: string, options: PolicyFileOptions = {}): Promise<PolicyFile> {
    const loaded = await load(path, options);
    if (!loaded.policy) throw new PolicyFaults(loaded.faults);
    return new PolicyFile(path, options, loaded.policy, loaded);
  }

  get current(): Policy {
    return this.#current;
  }

  get status(): PolicyStatus {
    return { digest: this.#current.digest, loadedAt: this.#loadedAt, refused: this.#refused };
  }

  /** Reads the files now, whether or not they changed (for a SIGHUP). Never rejects: a bad edit goes to `onFault`. */
  reload(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#load());
    return this.#looking;
  }

  /** Stops looking; resolves when no callback will come any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#looking.then(() => this.#look());
      void this.#looking.then(() => this.#schedule());
    }, this.#options.lookMilliseconds ?? 500);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const files = [...(await catalogueFiles(this.#options.catalogueDirectory)), ...this.#policyFiles];
    const print = fingerprint(files, await Promise.all(files.map(textOf)));
    const settled = print === this.#seen;
    this.#seen = print;
    if (settled && print !== this.#loaded) await this.#load();
  }

  async #load(): Promise<void> {
    if (this.#closed) return;
    const loaded = await load(this.#path, this.#options);
    this.#policyFiles = loaded.policyFiles;
    this.#loaded = this.#seen = loaded.print;
    if (this.#closed) return;
    if (!loaded.policy) {
      this.#refused = { at: this.#now(), faults: loaded.faults };
      this.#options.onFault?.(loaded.faults);
      return;
    }
    const changed = loaded.policy.digest !== this.#current.digest;
    const mended = this.#refused !== null;
    if (changed) {
      this.#current = loaded.policy;
      this.#loadedAt = this.#now();
    }
    this.#refused = null;
    if (changed || mended) this.#options.onReload?.(this.#current);
  }

  #now(): Date {
    return (this.#options.now ?? (() => new Date()))();
  }
}

interface Loaded {
  policy?: Policy;
  faults: PolicyFault[];
  policyFiles: string[];
  /** Of the very texts that were read. */
  print: string;
}

async function load(path: string, options: PolicyFileOptions): Promise<Loaded> {
  const read = await readPolicySources(path, options);
  const result = compilePolicy(read.sources, options);
  const faults = [...read.faults, ...('faults' in result ? result.faults : [])];
  const texts = new Map(read.sources.map(({ file, text }) => [file, text]));
  const print = fingerprint(
    read.files,
    read.files.map((file) => texts.get(file)),
  );
  const policyFiles = read.files.slice(read.files.indexOf(path));
  return { ...(faults.length === 0 && result), faults, policyFiles, print };
}

function fingerprint(files: readonly string[], texts: readonly (string | undefined)[]): string {
  const framed = JSON.stringify(files.map((file, at) => [file, texts[at] ?? null]));
  return createHash('sha256').update(framed).digest('hex');
}

async function catalogueFiles(directory = SHIPPED_CATALOGUE): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => join(directory, name));
}

function resolveBeside(file: string, named: string): string {
  return isAbsolute(named) ? named : join(dirname(file), named);
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch {
    return undefined;
  }
}
