import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { decodeBase64, encodeBase64 } from './base64.js';

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

/** One key that notes are verified with: a name and an id that signature lines carry, and what was signed under them. */
export interface NoteVerifier {
  readonly name: string;
  /** The key id: four bytes in lower-case hexadecimal. */
  readonly id: string;
  /** `ed25519` signs the text (type 0x01); `cosignature` the text and a time, a witness's word (type 0x04). */
  readonly kind: 'ed25519' | 'cosignature';
  readonly publicKey: KeyObject;
}

export interface NoteSigner {
  readonly name: string;
  readonly id: string;
  /** The text form of the verifier key: `<name>+<id>+<base64 of the type's byte ‖ public key>`. */
  readonly verifierKey: string;
  sign(text: Buffer): Buffer;
}

export interface NoteSignature {
  readonly name: string;
  readonly id: string;
  /** When a cosignature was made, in seconds since 1970. */
  readonly timeSeconds?: number;
}

export interface OpenedNote {
  /** What was signed; ends in a newline. */
  readonly text: string;
  /** The known keys whose signatures verified, each once; never empty. */
  readonly signatures: readonly NoteSignature[];
}

/** Reads a verifier key ("vkey") of type 0x01 or 0x04 (c2sp.org/signed-note). Throws {@link NoteError} `bad_key`. */
export function noteVerifier(verifierKey: string): NoteVerifier {
  const parts = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/u.exec(verifierKey);
  if (!parts) throw new NoteError('bad_key', 'A verifier key is <name>+<8 hex digits>+<base64>');
  const [, name, id, encoded] = parts as unknown as [string, string, string, string];
  needName(name);
  const key = decodeBase64(encoded);
  const kind =
    key?.[0] === typeByte.ed25519 ? 'ed25519' : key?.[0] === typeByte.cosignature ? 'cosignature' : undefined;
  if (!key || !kind || key.length !== 1 + publicKeyBytes)
    throw new NoteError('bad_key', `The verifier key ${name} is no Ed25519 key of type 1 or 4`);
  if (keyId(name, key) !== id) throw new NoteError('bad_key', `The verifier key ${name} does not have the id ${id}`);
  const x = key.subarray(1).toString('base64url');
  return { name, id, kind, publicKey: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }) };
}

/** A key that signs notes under `name`. Throws {@link NoteError} `bad_key` unless it is an Ed25519 private key. */
export function noteSigner(name: string, privateKey: KeyObject): NoteSigner {
  return { ...namesOf(name, 'ed25519', privateKey), sign: (text) => sign(null, text, privateKey) };
}

/**
 * A witness's key: signs checkpoints together with the time (c2sp.org/tlog-cosignature, type 0x04). Use it for nothing else. Throws
 * {@link NoteError} `bad_key` unless it is an Ed25519 private key.
 */
export function cosigner(name: string, privateKey: KeyObject, now: () => Date): NoteSigner {
  return {
    ...namesOf(name, 'cosignature', privateKey),
    sign: (text) => {
      const timeSeconds = Math.floor(now().getTime() / 1000);
      const time = Buffer.alloc(timeBytes);
      time.writeBigUInt64BE(BigInt(timeSeconds));
      return Buffer.concat([time, sign(null, cosignedBytes(timeSeconds, text), privateKey)]);
    },
  };
}

function namesOf(name: string, kind: NoteVerifier['kind'], privateKey: KeyObject): Omit<NoteSigner, 'sign'> {
  needName(name);
  if (privateKey.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519')
    throw new NoteError('bad_key', 'Notes are signed with an Ed25519 private key');
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  const key = Buffer.concat([Buffer.from([typeByte[kind]]), Buffer.from(x!, 'base64url')]);
  const id = keyId(name, key);
  return { name, id, verifierKey: `${name}+${id}+${encodeBase64(key)}` };
}

/** Signs `text`, which ends in a newline and holds no other control characters. Throws {@link NoteError} `malformed`. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n') || !isNoteText(text))
    throw new NoteError('malformed', 'A note is Unicode that ends in a newline and has no other control characters');
  if (signers.length === 0) throw new NoteError('no_known_signature', 'A note needs a signer');
  return `${text}\n${signers.map((signer) => signedLine(text, signer)).join('')}`;
}

/**
 * The note with one signature more, which is `line`, and of those that it had the ones of known keys, each once: what strangers added goes
 * no further, so that a note does not grow from hand to hand. Throws as {@link openNote}.
 */
export function cosignNote(
  note: string | Uint8Array,
  known: readonly NoteVerifier[],
  signer: NoteSigner,
): { note: string; line: string } {
  const { text, signatures } = openNote(note, known);
  const lines = parseNote(readText(note)).signatures;
  const kept = signatures.flatMap(({ name, id }) => lines.find((line) => line.name === name && line.id === id) ?? []);
  const line = signedLine(text, signer);
  return { note: `${text}\n${kept.map(formatSignature).join('')}${line}`, line };
}

/**
 * Verifies a signed note (c2sp.org/signed-note) by the keys that the reader knows. Signatures of others are ignored; but
 * one under a known name and id that does not verify refuses the note, and so does a note that no known key signed.
 * Throws {@link NoteError} and nothing else.
 */
export function openNote(note: string | Uint8Array, known: readonly NoteVerifier[]): OpenedNote {
  const { text, signatures } = parseNote(readText(note));
  const bytes = Buffer.from(text, 'utf8');
  const verified = new Map<string, NoteSignature>();
  for (const { name, id, signature } of signatures) {
    // Two known keys may share a name and an id by accident; which of them signed shows only in trying.
    const candidates = known.filter((key) => key.name === name && key.id === id);
    if (candidates.length === 0) continue;
    const checked = candidates.map((key) => check(key, bytes, signature)).find((result) => result !== null);
    if (!checked) throw new NoteError('bad_signature', `The signature of ${name} does not verify`);
    if (!verified.has(`${name}+${id}`)) verified.set(`${name}+${id}`, { name, id, ...checked });
  }
  if (verified.size === 0) throw new NoteError('no_known_signature', 'No known key has signed this note');
  return { text, signatures: [...verified.values()] };
}

const typeByte = { ed25519: 1, cosignature: 4 } as const;
const publicKeyBytes = 32;
const signatureBytes = 64;
const timeBytes = 8;

interface SignatureLine {
  readonly name: string;
  readonly id: string;
  readonly signature: Buffer;
}

/** The text is split from the signatures at the last blank line: a text may hold blank lines, and lines like signatures. */
function parseNote(note: string): { text: string; signatures: SignatureLine[] } {
  const blank = note.lastIndexOf('\n\n');
  if (blank === -1 || !note.endsWith('\n') || !isNoteText(note))
    throw new NoteError('malformed', 'This is not a signed note');
  const lines = note.slice(blank + 2, -1).split('\n');
  if (lines.length > maxSignatures)
    throw new NoteError('too_many_signatures', `A note has ${maxSignatures} signatures at most`);
  return { text: note.slice(0, blank + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): SignatureLine {
  const [, name, encoded] = /^— ([^+\p{White_Space}]+) ([^ ]+)$/u.exec(line) ?? [];
  const bytes = encoded === undefined ? null : decodeBase64(encoded);
  if (name === undefined || !bytes || bytes.length <= 4)
    throw new NoteError('malformed', 'A signature line is malformed');
  return { name, id: bytes.toString('hex', 0, 4), signature: bytes.subarray(4) };
}

function signedLine(text: string, signer: NoteSigner): string {
  const signature = signer.sign(Buffer.from(text, 'utf8'));
  return formatSignature({ name: signer.name, id: signer.id, signature });
}

function formatSignature({ name, id, signature }: SignatureLine): string {
  return `— ${name} ${encodeBase64(Buffer.concat([Buffer.from(id, 'hex'), signature]))}\n`;
}

/** What the signature says besides that it is one, or null. */
function check(key: NoteVerifier, text: Buffer, signature: Buffer): { timeSeconds?: number } | null {
  if (key.kind === 'ed25519')
    return signature.length === signatureBytes && verify(null, text, key.publicKey, signature) ? {} : null;
  // c2sp.org/tlog-cosignature: a time, then a signature over a header, the time and the text.
  if (signature.length !== timeBytes + signatureBytes) return null;
  const timeSeconds = Number(signature.readBigUInt64BE());
  if (!Number.isSafeInteger(timeSeconds)) return null;
  const signed = cosignedBytes(timeSeconds, text);
  return verify(null, signed, key.publicKey, signature.subarray(timeBytes)) ? { timeSeconds } : null;
}

function cosignedBytes(timeSeconds: number, text: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`cosignature/v1\ntime ${timeSeconds}\n`), text]);
}

// `ignoreBOM` keeps the mark in the text, where it was signed; the default would drop it silently.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readText(note: string | Uint8Array): string {
  const bytes = typeof note === 'string' ? Buffer.byteLength(note) : note.length;
  if (bytes > maxNoteBytes) throw new NoteError('too_large', `A note has ${maxNoteBytes} bytes at most`);
  if (typeof note === 'string') return note;
  try {
    return utf8.decode(note);
  } catch {
    throw new NoteError('malformed', 'A note is UTF-8');
  }
}

/** Well-formed Unicode without control characters other than newline: what C2SP allows in a note. */
function isNoteText(text: string): boolean {
  return !/[\u0000-\u0009\u000b-\u001f\uD800-\uDFFF]/u.test(text);
}

function needName(name: string): void {
  if (!/^[^+\p{White_Space}]+$/u.test(name) || !isNoteText(name))
    throw new NoteError('bad_key', 'The name of a key is not empty and has no space and no plus');
}

/** SHA-256(name ‖ newline ‖ type ‖ public key), its first four bytes. */
function keyId(name: string, typeAndKey: Buffer): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), typeAndKey]), 'hex').slice(0, 8);
}
