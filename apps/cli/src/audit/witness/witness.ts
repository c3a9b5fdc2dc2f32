import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  consistencyVerifies,
  cosignNote,
  openCheckpoint,
  type SignedCheckpoint,
  type TrustedLog,
} from '@portcullis/merkle-log';
import { type Remembered, type WitnessFile } from './witness-file.js';

/** What is offered to a witness: a signed note, and that it goes on from the tree of `from` leaves. */
export interface Offered {
  readonly note: string;
  /** 0: the witness has seen nothing of this log; then there is no proof. */
  readonly from: number;
  readonly hashes: readonly Uint8Array[];
}

export type Verdict =
  | { readonly kind: 'cosigned'; readonly size: number; readonly note: string; readonly line: string }
  | { readonly kind: 'unknown_log' }
  /** `from` is more than the checkpoint has. */
  | { readonly kind: 'backwards' }
  /** `from` is not what the witness remembers, which is this size. */
  | { readonly kind: 'conflict'; readonly size: number }
  /** Not shown to begin with what is remembered. Two trees of one size are a fork by themselves: then the folder with both. */
  | { readonly kind: 'inconsistent'; readonly evidence: string | null };

/** Cosigns checkpoints of the logs that it knows (c2sp.org/tlog-witness), each of which begins with the one before. */
export class Witness {
  constructor(
    private readonly file: WitnessFile,
    private readonly logs: readonly TrustedLog[],
  ) {}

  remembered(origin: string): Remembered | null {
    return this.file.remembered(origin);
  }

  /** By its name. */
  log(origin: string): TrustedLog | undefined {
    return this.logs.find((one) => one.origin === origin);
  }

  /**
   * What is cosigned is remembered, on the disk, before this resolves. Throws NoteError and CheckpointError for a note that is none or
   * that the log has not signed.
   */
  async cosign({ note, from, hashes }: Offered): Promise<Verdict> {
    const log = this.log(note.slice(0, note.indexOf('\n')));
    if (!log) return { kind: 'unknown_log' };
    const offered = openCheckpoint(note, log);
    if (from > offered.size) return { kind: 'backwards' };
    let verdict: Verdict = { kind: 'inconsistent', evidence: null };
    await this.file.remember(log.origin, (before) => {
      const size = before?.size ?? 0;
      if (from !== size) verdict = { kind: 'conflict', size };
      else if (goesOn(before, offered, hashes)) {
        verdict = { kind: 'cosigned', size: offered.size, ...cosignNote(note, log.keys, this.file.signer) };
        return verdict.note;
      } else if (before && offered.size === size && !before.root.equals(offered.root))
        verdict = { kind: 'inconsistent', evidence: this.keepEvidence(before, offered, note) };
      return null;
    });
    return verdict;
  }

  /**
   * Puts what was remembered and what was refused beside each other, and answers the folder: both are signed by the log, and no log has both.
   * The first that was refused at a size stays.
   */
  keepEvidence(before: Remembered, { origin }: SignedCheckpoint, refused: string): string {
    const folder = join(`${this.file.path}.refused`, originHash(origin).slice(0, 16), String(before.size));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const [name, note] of Object.entries({ remembered: before.note, refused })) {
      try {
        writeFileSync(join(folder, name), note, { flag: 'wx' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    return folder;
  }
}

/** How a log is named in a path (c2sp.org/tlog-witness). */
export const originHash = (origin: string): string => createHash('sha256').update(origin).digest('hex');

function goesOn(before: Remembered | null, { size, root }: SignedCheckpoint, hashes: readonly Uint8Array[]): boolean {
  if (before === null || before.size === 0) return hashes.length === 0;
  return consistencyVerifies({ from: before.size, to: size, fromRoot: before.root, toRoot: root, hashes });
}
