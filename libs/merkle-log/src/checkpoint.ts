import { decodeBase64, encodeBase64 } from './base64.js';
import { emptyRoot, hashBytes, sameHash } from './hashes.js';
import { type NoteSignature, type NoteSigner, type NoteVerifier, openNote, signNote } from './note.js';

/** What a log commits to at one size (c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  /** The log's name, its first line. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Further lines, which no monitor can check; we write none. */
  readonly extensions?: readonly string[];
}

/** A checkpoint that a key of its log has signed: only {@link openCheckpoint} should make one. */
export interface SignedCheckpoint extends Checkpoint {
  readonly extensions: readonly string[];
  /** The log's keys that signed; never empty. */
  readonly signatures: readonly NoteSignature[];
  /** The known witnesses that say to have seen it, and when. */
  readonly cosignatures: readonly NoteSignature[];
}

/** Why a text is no checkpoint, or not one of the log that the reader means. */
export type CheckpointErrorCode = 'malformed' | 'wrong_empty_root' | 'another_log' | 'not_signed_by_log';

export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';

  constructor(
    readonly code: CheckpointErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** The text that is signed: origin, size, root in base64, extension lines, each with its newline. */
export function formatCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  const text = [origin, String(size), encodeBase64(root), ...extensions].map((line) => `${line}\n`).join('');
  parseCheckpoint(text);
  return text;
}

/**
 * Reads the text of a checkpoint, which says nothing of who signed it: see {@link openCheckpoint}. Refuses sizes with
 * leading zeros or beyond 2^53 − 1, roots that are not 32 bytes in canonical base64, empty lines, and an empty tree with
 * another root than its own (`wrong_empty_root`). Throws {@link CheckpointError}.
 */
export function parseCheckpoint(text: string): Required<Checkpoint> {
  const [origin, digits, encoded, ...extensions] = text.slice(0, -1).split('\n');
  const size = /^(?:0|[1-9][0-9]*)$/.test(digits ?? '') ? Number(digits) : NaN;
  const root = decodeBase64(encoded ?? '');
  const linesFit = text.endsWith('\n') && !!origin && extensions.every((line) => line !== '');
  if (!linesFit || !Number.isSafeInteger(size) || root?.length !== hashBytes)
    throw new CheckpointError('malformed', 'This is not a checkpoint: origin, size, root, each on its line');
  if (size === 0 && !sameHash(root, emptyRoot()))
    throw new CheckpointError('wrong_empty_root', 'The empty tree has one root, and this is another');
  return { origin, size, root, extensions };
}

/** The signed note that a log publishes. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): string {
  return signNote(formatCheckpoint(checkpoint), signers);
}

/** Who a reader believes: a log by its name and keys (old and new while they rotate), and witnesses, if any. */
export interface TrustedLog {
  readonly origin: string;
  readonly keys: readonly NoteVerifier[];
  readonly witnesses?: readonly NoteVerifier[];
}

/**
 * Verifies a signed checkpoint of the log `trusted`. A witness's signature alone does not make it one: a key of the log
 * must have signed. Throws NoteError for the note and {@link CheckpointError} for what it says.
 */
export function openCheckpoint(note: string | Uint8Array, trusted: TrustedLog): SignedCheckpoint {
  const opened = openNote(note, [...trusted.keys, ...(trusted.witnesses ?? [])]);
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint.origin !== trusted.origin)
    throw new CheckpointError('another_log', `This checkpoint is not of the log ${trusted.origin}`);
  const signedBy = (keys: readonly NoteVerifier[]) =>
    opened.signatures.filter(({ name, id }) => keys.some((key) => key.name === name && key.id === id));
  const signatures = signedBy(trusted.keys);
  if (signatures.length === 0)
    throw new CheckpointError('not_signed_by_log', `No key of ${trusted.origin} has signed this checkpoint`);
  return { ...checkpoint, signatures, cosignatures: signedBy(trusted.witnesses ?? []) };
}
