import { encodeBase64 } from './base64.js';
import { type Checkpoint, CheckpointError, parseCheckpoint } from './checkpoint-text.js';
import { type NoteSignature, type NoteSigner, type NoteVerifier, openNote, signNote } from './note.js';

/** A checkpoint that a key of its log has signed: only {@link openCheckpoint} should make one. */
export interface SignedCheckpoint extends Checkpoint {
  readonly extensions: readonly string[];
  /** The log's keys that signed; never empty. */
  readonly signatures: readonly NoteSignature[];
  /** The known witnesses that say to have seen it, and when. */
  readonly cosignatures: readonly NoteSignature[];
}

/** The text that is signed: origin, size, root in base64, extension lines, each with its newline. */
export function formatCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  const text = [origin, String(size), encodeBase64(root), ...extensions].map((line) => `${line}\n`).join('');
  parseCheckpoint(text);
  return text;
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
