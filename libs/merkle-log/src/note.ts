import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { encodeBase64 } from './base64.js';
import {
  isNoteText,
  keyIdInput,
  maxNoteBytes,
  needName,
  NoteError,
  readNote,
  readVerifierKey,
  typeByte,
} from './note-text.js';

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
  const { name, id, kind, key } = readVerifierKey(verifierKey);
  if (keyId(name, key) !== id) throw new NoteError('bad_key', `The verifier key ${name} does not have the id ${id}`);
  const x = Buffer.from(key.subarray(1)).toString('base64url');
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
  const lines = readNote(readText(note)).signatures;
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
  const { text, signatures } = readNote(readText(note));
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

const signatureBytes = 64;
const timeBytes = 8;

function signedLine(text: string, signer: NoteSigner): string {
  const signature = signer.sign(Buffer.from(text, 'utf8'));
  return formatSignature({ name: signer.name, id: signer.id, signature });
}

function formatSignature({ name, id, signature }: NoteSignature & { readonly signature: Uint8Array }): string {
  return `— ${name} ${encodeBase64(Buffer.concat([Buffer.from(id, 'hex'), signature]))}\n`;
}

/** What the signature says besides that it is one, or null. */
function check(key: NoteVerifier, text: Buffer, signature: Uint8Array): { timeSeconds?: number } | null {
  if (key.kind === 'ed25519')
    return signature.length === signatureBytes && verify(null, text, key.publicKey, signature) ? {} : null;
  // c2sp.org/tlog-cosignature: a time, then a signature over a header, the time and the text.
  if (signature.length !== timeBytes + signatureBytes) return null;
  const timeSeconds = Number(Buffer.from(signature).readBigUInt64BE());
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

/** SHA-256(name ‖ newline ‖ type ‖ public key), its first four bytes. */
function keyId(name: string, typeAndKey: Uint8Array): string {
  return hash('sha256', keyIdInput(name, typeAndKey), 'hex').slice(0, 8);
}
