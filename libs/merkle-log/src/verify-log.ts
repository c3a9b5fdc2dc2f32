import { type SignedCheckpoint } from './checkpoint.js';
import { type ExportLine, ExportLineError, readExportLine } from './export-line.js';
import { sameHash } from './hashes.js';
import { Frontier, type FrontierState } from './tree.js';

export type LogFaultKind =
  /** The line cannot be read, or says more than a hash covers. */
  | 'malformed'
  /** The event, its salt and its leaf hash do not belong together. */
  | 'edited'
  /** No line has this index, though later ones are there. */
  | 'missing'
  /** The line of this index comes later than its place. */
  | 'moved'
  /** The leaf of this index is there more than once. */
  | 'repeated'
  /** The export ends before this index, which a checkpoint commits to. */
  | 'truncated'
  /** The leaves are not those that a checkpoint commits to: rewritten leaf hashes, a log built anew, or a fork. */
  | 'replaced'
  /** A checkpoint of a size below the first index cannot be checked by this export. */
  | 'unchecked';

/** The first thing that is wrong. */
export interface LogFault {
  readonly kind: LogFaultKind;
  /**
   * The first index that the lines give away as bad. For `replaced`, the lowest that can be: a root says that leaves differ,
   * not which. Never below `proven`.
   */
  readonly index: number;
  /** The highest index that may be the first bad one: `index`, but for `replaced` the last that the checkpoint covers. */
  readonly through: number;
  /** Leaves below this index are as a checkpoint commits to them. */
  readonly proven: number;
  /** One sentence for a person; holds nothing of an event. */
  readonly what: string;
}

export type LogVerdict =
  | {
      readonly ok: true;
      /** The tree after the last line: where a later export goes on. */
      readonly tree: FrontierState;
      /** Leaves below this index are as a checkpoint commits to them; those from here on only fit together. */
      readonly proven: number;
      /** Lines whose event was checked against its leaf. The others gave their leaf hash only. */
      readonly opened: number;
      readonly closed: number;
    }
  | { readonly ok: false; readonly fault: LogFault };

export interface LogVerifierOptions {
  /** What is to hold, in any order; from `openCheckpoint`, so signed by the log that the reader means. */
  readonly checkpoints: readonly SignedCheckpoint[];
  /**
   * The tree before the export's first line, from an earlier verdict or a proof (`frontierOf`); without it the export starts
   * at index 0.
   */
  readonly before?: FrontierState | undefined;
}

/**
 * Verifies an export, line by line, against checkpoints that someone kept: that no event was edited, none removed, repeated,
 * moved or put in its place, and that the log still is the one that was signed. Knows nothing but its input; keeps O(log n).
 *
 * `add` takes the lines in the order of the export; `end` says what was found. After a fault, more lines only tell whether
 * a missing one comes later; a caller that sees `broken` may stop.
 */
export class LogVerifier {
  private readonly tree: Frontier;
  /** Those still to be reached, smallest first. */
  private readonly checkpoints: SignedCheckpoint[];
  private proven = 0;
  private opened = 0;
  private closed = 0;
  private lastLeaf: Buffer | undefined;
  private fault: LogFault | undefined;
  /** The line that stands where another was expected; its fault is named when that one has come, or not. */
  private stray: { found: number; copyOfLast: boolean; expectedCame: boolean } | undefined;

  constructor({ checkpoints, before }: LogVerifierOptions) {
    this.tree = new Frontier(before);
    this.checkpoints = [...checkpoints].sort((one, other) => one.size - other.size);
    const [first] = this.checkpoints;
    if (first && first.size < this.tree.size) {
      const what = `The checkpoint of ${first.size} leaves lies before the export, which starts at ${this.tree.size}`;
      this.fault = { kind: 'unchecked', index: first.size, through: first.size, proven: 0, what };
    } else this.compare();
  }

  get broken(): boolean {
    return this.fault !== undefined || this.stray !== undefined;
  }

  /** @param line one line of the export, without its newline */
  add(line: string): void {
    if (this.fault) return;
    if (this.stray) {
      this.stray.expectedCame ||= leafIndexOf(line) === this.tree.size;
      return;
    }
    const index = this.tree.size;
    let read: ExportLine;
    try {
      read = readExportLine(line);
    } catch (error) {
      if (!(error instanceof ExportLineError)) throw error;
      // A line that is out of its place is that first, whatever else it is.
      if (error.leafIndex !== undefined && error.leafIndex !== index) this.stray = strayLine(error.leafIndex);
      else this.fail(error.code, index, `Index ${index}: ${error.message}`);
      return;
    }
    const isCopy = this.lastLeaf !== undefined && sameHash(read.leafHash, this.lastLeaf);
    if (read.leafIndex !== index) {
      this.stray = strayLine(read.leafIndex, isCopy && read.leafIndex === index - 1);
    } else if (isCopy) {
      // No two events have one leaf: ids are unique and salts random.
      this.fail('repeated', index, `Index ${index}: this is the leaf of index ${index - 1} once more`);
    } else {
      this.tree.appendOne(read.leafHash);
      this.lastLeaf = read.leafHash;
      if (read.open) this.opened++;
      else this.closed++;
      this.compare();
    }
  }

  /** The verdict over all lines that were added. May be asked for at any time; the verifier goes on. */
  end(): LogVerdict {
    const fault = this.fault ?? this.strayFault() ?? this.truncation();
    if (fault) return { ok: false, fault };
    return { ok: true, tree: this.tree.state, proven: this.proven, opened: this.opened, closed: this.closed };
  }

  /** Holds the tree against every checkpoint of its size. */
  private compare(): void {
    const { size } = this.tree;
    if (this.checkpoints[0]?.size !== size) return;
    const root = this.tree.root();
    while (this.checkpoints[0]?.size === size) {
      if (!sameHash(root, this.checkpoints.shift()!.root)) return this.failRoot(size);
    }
    this.proven = size;
  }

  private failRoot(size: number): void {
    const [index, through] = [this.proven, Math.max(size - 1, 0)];
    const leaves =
      index === through ? `The leaf ${index} is not the one` : `The leaves ${index} to ${through} are not those`;
    this.fault = {
      kind: 'replaced',
      index,
      through,
      proven: this.proven,
      what: `${leaves} that the checkpoint of ${size} leaves commits to`,
    };
  }

  private fail(kind: LogFaultKind, index: number, what: string): void {
    this.fault = { kind, index, through: index, proven: this.proven, what };
  }

  private strayFault(): LogFault | undefined {
    if (!this.stray) return undefined;
    const { found, copyOfLast, expectedCame } = this.stray;
    const expected = this.tree.size;
    const at = (kind: LogFaultKind, index: number, what: string) => ({
      kind,
      index,
      through: index,
      // A leaf may be proven and there once too often.
      proven: Math.min(this.proven, index),
      what: `Index ${index}: ${what}`,
    });
    if (found < expected && (expectedCame || copyOfLast))
      return at('repeated', found, 'its line occurs more than once');
    if (expectedCame) return at('moved', expected, `its line comes later; in its place stands that of ${found}`);
    return at('missing', expected, `there is no such line; in its place stands one of index ${found}`);
  }

  private truncation(): LogFault | undefined {
    const last = this.checkpoints[this.checkpoints.length - 1];
    if (!last) return undefined;
    const index = this.tree.size;
    const what = `The export ends before index ${index}; a checkpoint commits to ${last.size} leaves`;
    return { kind: 'truncated', index, through: index, proven: this.proven, what };
  }
}

function strayLine(found: number, copyOfLast = false) {
  return { found, copyOfLast, expectedCame: false };
}

function leafIndexOf(line: string): number | undefined {
  try {
    return readExportLine(line).leafIndex;
  } catch (error) {
    return error instanceof ExportLineError ? error.leafIndex : undefined;
  }
}
