import { readFileSync } from 'node:fs';
import {
  CheckpointError,
  NoteError,
  noteVerifier,
  openCheckpoint,
  parseCheckpoint,
  type SignedCheckpoint,
  type TrustedLog,
} from '@portcullis/merkle-log';
import { Refused } from '../command.js';

/** A file that somebody kept, as text. Refuses one that cannot be read. */
export function readKept(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Refused(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

/** The keys of a file: what GET /v1/audit/log-keys answers, or verifier keys, one a line. All are of one log. */
export function readLogKeys(path: string): TrustedLog {
  const text = readKept(path);
  try {
    const keys = verifierKeys(text).map((key) => noteVerifier(key));
    const [first] = keys;
    // An answer tells the name that the log has now; its older keys may have another.
    const origin = originOf(text) ?? first?.name;
    if (origin === undefined) throw new Refused(`${path} holds no key.`);
    return { origin, keys };
  } catch (error) {
    if (error instanceof NoteError) throw new Refused(`${path} holds no keys of a log: ${error.message}.`);
    throw error;
  }
}

/**
 * A checkpoint of a file. Without keys it is taken at its word: then it is only as good as the place where it was kept. Refuses what no
 * key of the log has signed, or that a witness who is named has not cosigned.
 */
export function readCheckpoint(path: string, trusted: TrustedLog | undefined): SignedCheckpoint {
  const note = readKept(path);
  try {
    if (trusted) return withAllWitnesses(openCheckpoint(note, trusted), trusted, path);
    const end = note.lastIndexOf('\n\n');
    return { ...parseCheckpoint(end === -1 ? note : note.slice(0, end + 1)), signatures: [], cosignatures: [] };
  } catch (error) {
    if (error instanceof NoteError || error instanceof CheckpointError)
      throw new Refused(`The checkpoint ${path} is not to be believed: ${error.message}.`);
    throw error;
  }
}

function withAllWitnesses(opened: SignedCheckpoint, { witnesses = [] }: TrustedLog, path: string): SignedCheckpoint {
  const missing = witnesses.find(
    (witness) => !opened.cosignatures.some(({ name, id }) => name === witness.name && id === witness.id),
  );
  if (missing) throw new Refused(`The checkpoint ${path} has no cosignature of ${missing.name}.`);
  return opened;
}

function verifierKeys(text: string): string[] {
  const parsed = asJson(text);
  if (parsed === undefined) return text.split('\n').flatMap((line) => line.trim() || []);
  const { keys } = parsed as { keys?: unknown };
  return Array.isArray(keys) ? keys.map((key) => String((key as { verifier_key?: unknown }).verifier_key)) : [];
}

function originOf(text: string): string | undefined {
  const { origin } = (asJson(text) ?? {}) as { origin?: unknown };
  return typeof origin === 'string' ? origin : undefined;
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
