import { decodeBase64 } from './base64.js';

/** Why a note, or a key for notes, is refused. */
export type NoteErrorCode =
  /** Not the form of a signed note. */
  | 'malformed'
  | 'too_many_signatures'
  | 'too_large'
  /** A known key is said to have signed, and has not. */
  | 'bad_signature'
  /** No known key has signed. */
  | 'no_known_signature'
  | 'bad_key';

export class NoteError extends Error {
  override readonly name = 'NoteError';

  constructor(
    readonly code: NoteErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Signatures of a note beyond this many refuse it (C2SP asks for 16 at least). */
export const maxSignatures = 64;

/** UTF-8 bytes of a note, its signatures included. */
export const maxNoteBytes = 1_000_000;

export const typeByte = { ed25519: 1, cosignature: 4 } as const;
const publicKeyBytes = 32;

/** A verifier key as it is written; whether its id is that of its bytes is still to be seen ({@link keyIdInput}). */
export interface WrittenVerifierKey {
  readonly name: string;
  /** Four bytes in lower-case hexadecimal. */
  readonly id: string;
  readonly kind: 'ed25519' | 'cosignature';
  /** The type's byte and the 32 of the public key. */
  readonly key: Uint8Array<ArrayBuffer>;
}

/** Reads a verifier key ("vkey") of type 0x01 or 0x04 (c2sp.org/signed-note). Throws {@link NoteError} `bad_key`. */
export function readVerifierKey(verifierKey: string): WrittenVerifierKey {
  const parts = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/u.exec(verifierKey);
  if (!parts) throw new NoteError('bad_key', 'A verifier key is <name>+<8 hex digits>+<base64>');
  const [, name, id, encoded] = parts as unknown as [string, string, string, string];
  needName(name);
  const key = decodeBase64(encoded);
  const kind =
    key?.[0] === typeByte.ed25519 ? 'ed25519' : key?.[0] === typeByte.cosignature ? 'cosignature' : undefined;
  if (!key || !kind || key.length !== 1 + publicKeyBytes)
    throw new NoteError('bad_key', `The verifier key ${name} is no Ed25519 key of type 1 or 4`);
  return { name, id, kind, key };
}

/** What the key id is the SHA-256 of, in its first four bytes: name ‖ newline ‖ type ‖ public key. */
export function keyIdInput(name: string, typeAndKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const line = new TextEncoder().encode(`${name}\n`);
  const input = new Uint8Array(line.length + typeAndKey.length);
  input.set(line);
  input.set(typeAndKey, line.length);
  return input;
}

export interface SignatureLine {
  readonly name: string;
  readonly id: string;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/**
 * A signed note's text, which ends in a newline, and its signature lines; of whom they are is not looked at. The text is split from them
 * at the last blank line: a text may hold blank lines, and lines like signatures. Throws {@link NoteError}.
 */
export function readNote(note: string): { text: string; signatures: SignatureLine[] } {
  const blank = note.lastIndexOf('\n\n');
  if (blank === -1 || !note.endsWith('\n') || !isNoteText(note))
    throw new NoteError('malformed', 'This is not a signed note');
  const lines = note.slice(blank + 2, -1).split('\n');
  if (lines.length > maxSignatures)
    throw new NoteError('too_many_signatures', `A note has ${maxSignatures} signatures at most`);
  return { text: note.slice(0, blank + 1), signatures: lines.map(readSignature) };
}

function readSignature(line: string): SignatureLine {
  const [, name, encoded] = /^— ([^+\p{White_Space}]+) ([^ ]+)$/u.exec(line) ?? [];
  const bytes = encoded === undefined ? null : decodeBase64(encoded);
  if (name === undefined || !bytes || bytes.length <= 4)
    throw new NoteError('malformed', 'A signature line is malformed');
  return { name, id: hexadecimal(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
}

export function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Well-formed Unicode without control characters other than newline: what C2SP allows in a note. */
export function isNoteText(text: string): boolean {
  return !/[\u0000-\u0009\u000b-\u001f\uD800-\uDFFF]/u.test(text);
}

/** Throws {@link NoteError} `bad_key`. */
export function needName(name: string): void {
  if (!/^[^+\p{White_Space}]+$/u.test(name) || !isNoteText(name))
    throw new NoteError('bad_key', 'The name of a key is not empty and has no space and no plus');
}
