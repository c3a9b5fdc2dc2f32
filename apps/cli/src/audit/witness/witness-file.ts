import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cosigner, NoteError, type NoteSigner, noteVerifier, openNote, parseCheckpoint } from '@portcullis/merkle-log';
import { z } from 'zod';
import { Refused, UsageFault } from '../../command.js';
import { takeLockFile } from '../../lock-file.js';
import { writeWhole } from '../../whole-file.js';

const Contents = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  /** Ed25519: PKCS #8 in PEM. */
  private_key: z.string(),
  /** By the log's name: the newest checkpoint that was cosigned, a note with the log's signature and ours. */
  checkpoints: z.record(z.string(), z.string()),
});
type Contents = z.infer<typeof Contents>;

/** The newest checkpoint of a log that was cosigned. */
export interface Remembered {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
}

/** The file is not there, not ours, or not what was written: trying again does not help. */
export class WitnessFileFault extends Refused {
  override readonly name = 'WitnessFileFault';
}

const lockWaitMilliseconds = 10_000;
const pem = { type: 'pkcs8', format: 'pem' } as const;
const publicPem = { type: 'spki', format: 'pem' } as const;

/**
 * A witness's key and what it has cosigned, in one file (mode 0600): without its memory it would sign a fork in good faith, so whoever
 * loses the one has lost the other. Any number of processes may use it.
 */
export class WitnessFile {
  private constructor(
    readonly path: string,
    readonly signer: NoteSigner,
  ) {}

  /** A new key that has cosigned nothing. Refuses where there is a file. */
  static make(path: string, name: string, now: () => Date): WitnessFile {
    if (existsSync(path))
      throw new WitnessFileFault(`${path} is there already: a witness and its memory are not made anew.`);
    const { privateKey } = generateKeyPairSync('ed25519', { privateKeyEncoding: pem, publicKeyEncoding: publicPem });
    const signer = signerOf(name, privateKey, now);
    write(path, { version: 1, name, private_key: privateKey, checkpoints: {} });
    return new WitnessFile(path, signer);
  }

  static open(path: string, now: () => Date): WitnessFile {
    const { name, private_key } = read(path);
    return new WitnessFile(path, signerOf(name, private_key, now));
  }

  remembered(origin: string): Remembered | null {
    const { checkpoints } = read(this.path);
    const note = Object.hasOwn(checkpoints, origin) ? checkpoints[origin] : undefined;
    if (note === undefined) return null;
    try {
      const { text } = openNote(note, [noteVerifier(this.signer.verifierKey)]);
      const { origin: said, size, root } = parseCheckpoint(text);
      if (said === origin) return { size, root: Buffer.from(root), note };
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
    }
    throw new WitnessFileFault(`${this.path} holds a checkpoint that this witness has not cosigned: it was changed.`);
  }

  /**
   * One process at a time: `work` sees what is remembered of a log, and answers the note to remember in its place, which is on the disk
   * when this resolves; or null, to leave it. The lock of a process that was killed is taken over.
   */
  async remember(origin: string, work: (remembered: Remembered | null) => string | null): Promise<void> {
    const lock = `${this.path}.lock`;
    const deadline = performance.now() + lockWaitMilliseconds;
    for (let holder = takeLockFile(lock); holder; holder = takeLockFile(lock)) {
      if (performance.now() > deadline) throw new Refused(`The process ${holder.pid} has held ${lock} for too long.`);
      await delay(10);
    }
    try {
      const note = work(this.remembered(origin));
      if (note === null) return;
      const contents = read(this.path);
      write(this.path, { ...contents, checkpoints: { ...contents.checkpoints, [origin]: note } });
    } finally {
      rmSync(lock, { force: true });
    }
  }
}

function signerOf(name: string, privateKey: string, now: () => Date): NoteSigner {
  try {
    return cosigner(name, createPrivateKey(privateKey), now);
  } catch (error) {
    if (error instanceof NoteError) throw new UsageFault(`${error.message}: witness.example/w1.`);
    throw error;
  }
}

function read(path: string): Contents {
  let text: string;
  try {
    const { mode, uid } = statSync(path);
    const user = process.getuid?.();
    if (user !== undefined && (uid !== user || (mode & 0o077) !== 0))
      throw new WitnessFileFault(
        `${path} holds a private key, and other users can read it: chmod 600, and belong to who runs it.`,
      );
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof WitnessFileFault) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new WitnessFileFault(
      code === 'ENOENT'
        ? `There is no ${path}: portcullis audit witness init --state FILE --name NAME makes one. If there was one, its key must be used no more.`
        : `${path} cannot be read (${code}).`,
    );
  }
  const parsed = Contents.safeParse(asJson(text));
  if (!parsed.success) throw new WitnessFileFault(`${path} is not what this command writes.`);
  return parsed.data;
}

function write(path: string, contents: Contents): void {
  try {
    writeWhole(path, `${JSON.stringify(contents, null, 2)}\n`);
  } catch (error) {
    throw new WitnessFileFault(`${path} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
  }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
