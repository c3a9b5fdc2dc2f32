import { decodeBase64, encodeBase64 } from './base64.js';
import { CanonicalJsonError } from './canonical-json.js';
import { hashBytes, leafEntry, leafHash, saltBytes, saltedHash } from './hashes.js';

/** One line of an export, read and checked in itself. */
export interface ExportLine {
  readonly leafIndex: number;
  readonly leafHash: Buffer;
  /** False where the reader may not see the event, or where its body is gone: then the leaf hash is all there is. */
  readonly open: boolean;
}

/** Why a line cannot be believed, in words that hold nothing of its event. */
export class ExportLineError extends Error {
  override readonly name = 'ExportLineError';

  constructor(
    /** `edited`: the line is well formed, and its event and salt do not give its leaf hash. */
    readonly code: 'malformed' | 'edited',
    message: string,
    /** The index that the line gives itself, where it can be read. */
    readonly leafIndex?: number,
  ) {
    super(message);
  }
}

/** The leaf hash of an event: what a service appends and what a verifier recomputes. */
export function eventLeafHash(event: { readonly id: string }, salt: Uint8Array): Buffer {
  return leafHash(leafEntry(event.id, saltedHash(event, salt)));
}

/** One line of an export, without its newline. Without `opened`, a line for who may not see the event, or one whose body is gone. */
export function formatExportLine(
  leafIndex: number,
  hash: Uint8Array,
  opened?: { readonly salt: Uint8Array; readonly event: { readonly id: string } },
): string {
  const closed = { leaf_index: leafIndex, leaf_hash: encodeBase64(hash) };
  return JSON.stringify(opened ? { ...closed, salt: encodeBase64(opened.salt), event: opened.event } : closed);
}

/**
 * Reads a line of an export: `{leaf_index, leaf_hash, salt, event}` or `{leaf_index, leaf_hash}`, in any order and spacing, and
 * nothing else, for no hash would cover it. An event must give the leaf hash. Throws {@link ExportLineError}.
 */
export function readExportLine(line: string): ExportLine {
  const members = readMembers(line);
  const { leaf_index: leafIndex, leaf_hash: encodedHash, salt: encodedSalt, event } = members;
  if (typeof leafIndex !== 'number' || !Number.isSafeInteger(leafIndex) || leafIndex < 0)
    throw new ExportLineError('malformed', 'The line has no leaf_index');
  const fail = (code: 'malformed' | 'edited', message: string) => new ExportLineError(code, message, leafIndex);
  const hash = decode(encodedHash, hashBytes);
  if (!hash) throw fail('malformed', 'leaf_hash is not the base64 of 32 bytes');
  const names = Object.keys(members).length;
  if (names === 2) return { leafIndex, leafHash: hash, open: false };
  if (names !== 4 || encodedSalt === undefined || event === undefined)
    throw fail('malformed', 'The line has not the members leaf_index, leaf_hash, salt and event, or the first two');
  const salt = decode(encodedSalt, saltBytes);
  if (!salt) throw fail('malformed', 'salt is not the base64 of 32 bytes');
  if (!hasId(event)) throw fail('malformed', 'event is no object with an id');
  if (!eventLeafHashOr(event, salt, fail).equals(hash))
    throw fail('edited', 'The event, its salt and its leaf hash do not belong together');
  return { leafIndex, leafHash: hash, open: true };
}

function eventLeafHashOr(
  event: { id: string },
  salt: Buffer,
  fail: (code: 'malformed', message: string) => ExportLineError,
): Buffer {
  try {
    return eventLeafHash(event, salt);
  } catch (error) {
    if (error instanceof CanonicalJsonError) throw fail('malformed', `The event has no canonical form: ${error.code}`);
    throw error;
  }
}

/** JSON.parse keeps the last of two members of one name, and another reader the first: such a line has two meanings. */
function readMembers(line: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    throw new ExportLineError('malformed', 'The line is not JSON');
  }
  if (!isObject(parsed)) throw new ExportLineError('malformed', 'The line is no object');
  if (countColons(line) !== countMembers(parsed)) throw new ExportLineError('malformed', 'A member occurs twice');
  return parsed;
}

/** The colons outside of strings: in a valid JSON text, one for each member that is written. */
function countColons(json: string): number {
  let colons = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at);
    if (character === quote) inString = !inString;
    else if (inString && character === backslash) at++;
    else if (!inString && character === colon) colons++;
  }
  return colons;
}

const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];

/** The members of all objects in `value`. A list of its own and no recursion: a line may be nested as deep as it likes. */
function countMembers(value: unknown): number {
  let members = 0;
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    const inside: unknown[] = Object.values(next);
    if (!Array.isArray(next)) members += inside.length;
    for (const each of inside) left.push(each);
  }
  return members;
}

function decode(value: unknown, bytes: number): Buffer | null {
  const decoded = typeof value === 'string' ? decodeBase64(value) : null;
  return decoded?.length === bytes ? Buffer.from(decoded.buffer) : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasId(event: unknown): event is { id: string } {
  return isObject(event) && typeof event['id'] === 'string';
}
