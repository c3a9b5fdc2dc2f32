import {
  canonicalText,
  CanonicalJsonError,
  type Checkpoint,
  CheckpointError,
  decodeBase64,
  hexadecimal,
  inclusionSides,
  keyIdInput,
  NoteError,
  parseCheckpoint,
  readNote,
  readVerifierKey,
} from '@portcullis/merkle-log/browser';
import { type EventProof, type ExportedLine, type LogKeys } from '../../api/audit';

/** `unchecked`: it could not be looked at, which is neither good nor bad. */
export type Outcome = 'held' | 'failed' | 'unchecked';

export interface Finding {
  readonly outcome: Outcome;
  /** A sentence. */
  readonly said: string;
}

export interface ProofFindings {
  /** The event and its salt give the leaf's hash. */
  readonly leaf: Finding;
  /** The leaf and the proof's hashes give the checkpoint's root (RFC 9162 section 2.1.3.2). */
  readonly inclusion: Finding;
  /** A key of the log has signed the checkpoint (c2sp.org/signed-note, Ed25519). */
  readonly signature: Finding;
}

export interface GivenProof {
  /** As it is shown. */
  readonly event: { readonly id: string };
  readonly proof: EventProof;
  /** The event's line of an export, which alone has the salt; or a sentence that says why there is none. */
  readonly line: ExportedLine | string;
  readonly log: LogKeys;
}

type Bytes = Uint8Array<ArrayBuffer>;

const held = (said: string): Finding => ({ outcome: 'held', said });
const failed = (said: string): Finding => ({ outcome: 'failed', said });
const unchecked = (said: string): Finding => ({ outcome: 'unchecked', said });

/** Computes anew, with this browser's own cryptography, what the log says of one event. Never throws for what was given. */
export async function verifyProof(given: GivenProof, subtle: SubtleCrypto | undefined): Promise<ProofFindings> {
  if (subtle === undefined) {
    const none = unchecked('This page was not loaded over https, and there a browser offers no cryptography.');
    return { leaf: none, inclusion: none, signature: none };
  }
  const [leaf, inclusion, signature] = await Promise.all([
    checkLeaf(given, subtle),
    checkInclusion(given.proof, subtle),
    checkSignature(given, subtle),
  ]);
  return { leaf, inclusion, signature };
}

/** Failed if anything is; held only if everything is. */
export function verdictOf({ leaf, inclusion, signature }: ProofFindings): Outcome {
  const outcomes = [leaf, inclusion, signature].map(({ outcome }) => outcome);
  if (outcomes.includes('failed')) return 'failed';
  return outcomes.includes('unchecked') ? 'unchecked' : 'held';
}

const hashBytes = 32;

async function checkLeaf({ event, proof, line }: GivenProof, subtle: SubtleCrypto): Promise<Finding> {
  if (typeof line === 'string') return unchecked(line);
  if (line.leaf_index !== proof.leaf_index || line.leaf_hash !== proof.leaf_hash)
    return failed('The export and the proof name different leaves for this event.');
  if (line.event === undefined || line.salt === undefined)
    return unchecked('The text and the salt of this event were erased: its leaf stands, and says nothing of it.');
  const salt = decodeBase64(line.salt);
  if (salt?.length !== hashBytes) return failed('The salt is not the base64 of 32 bytes.');
  try {
    const text = canonicalText(line.event);
    if (text !== canonicalText(event)) return failed('What is shown here is not what the log has hashed.');
    const salted = await sha256(subtle, salt, new TextEncoder().encode(text));
    const entry = canonicalText({ event: event.id, hash: encodeBase64(salted) });
    const leaf = await sha256(subtle, leafPrefix, new TextEncoder().encode(entry));
    return encodeBase64(leaf) === proof.leaf_hash
      ? held(`The event as it is shown, with its salt, hashes to the leaf ${proof.leaf_hash}.`)
      : failed(`The event as it is shown does not hash to its leaf: it gives ${encodeBase64(leaf)}.`);
  } catch (error) {
    if (error instanceof CanonicalJsonError) return failed(`The event has no canonical form: ${error.message}.`);
    throw error;
  }
}

async function checkInclusion(proof: EventProof, subtle: SubtleCrypto): Promise<Finding> {
  const checkpoint = checkpointOf(proof.checkpoint);
  if (typeof checkpoint === 'string') return failed(checkpoint);
  if (checkpoint.size !== proof.tree_size)
    return failed(`The proof is for ${proof.tree_size} events, and the checkpoint for ${checkpoint.size}.`);
  const sides = inclusionSides(proof.leaf_index, proof.tree_size);
  const [leaf, ...hashes] = [proof.leaf_hash, ...proof.hashes].map(decodeBase64);
  if (sides?.length !== hashes.length || leaf?.length !== hashBytes || !hashes.every(isHash))
    return failed('The proof has not the hashes that a proof for this place in the log has.');
  let reached: Bytes = leaf;
  for (const [level, hash] of hashes.entries()) {
    const pair = sides[level] === 'left' ? ([hash, reached] as const) : ([reached, hash] as const);
    reached = await sha256(subtle, nodePrefix, ...pair);
  }
  const root = encodeBase64(reached);
  return root === encodeBase64(checkpoint.root)
    ? held(`Leaf ${proof.leaf_index} of ${proof.tree_size}, with ${hashes.length} hashes, gives the root ${root}.`)
    : failed(`The leaf and the proof give the root ${root}, and the checkpoint says another.`);
}

async function checkSignature({ proof, log }: GivenProof, subtle: SubtleCrypto): Promise<Finding> {
  const checkpoint = checkpointOf(proof.checkpoint);
  if (typeof checkpoint === 'string') return failed(checkpoint);
  if (checkpoint.origin !== log.origin)
    return failed(`The checkpoint is of the log ${checkpoint.origin}, and this one is ${log.origin}.`);
  try {
    const { text, signatures } = readNote(proof.checkpoint);
    const signed = new TextEncoder().encode(text);
    const keys = log.keys.map(({ verifier_key }) => readVerifierKey(verifier_key));
    let signer: string | null = null;
    for (const { name, id, signature } of signatures) {
      const key = keys.find((one) => one.name === name && one.id === id && one.kind === 'ed25519');
      if (key === undefined) continue;
      const computed = await sha256(subtle, keyIdInput(name, key.key));
      if (hexadecimal(computed.subarray(0, 4)) !== id) return failed(`The key ${name}+${id} has not the id it says.`);
      const known = await subtle.importKey('raw', key.key.subarray(1), 'Ed25519', false, ['verify']);
      if (!(await subtle.verify('Ed25519', known, signature, signed)))
        return failed(`The signature of the key ${name}+${id} on the checkpoint is wrong.`);
      signer = `${name}+${id}`;
    }
    return signer === null
      ? failed('No key of this log has signed the checkpoint.')
      : held(`The key ${signer} has signed this checkpoint.`);
  } catch (error) {
    if (error instanceof NoteError) return failed(`${error.message}.`);
    if (error instanceof DOMException && error.name === 'NotSupportedError')
      return unchecked('This browser knows no Ed25519. A newer one does, and so does "portcullis audit verify".');
    throw error;
  }
}

/** What the note says, whoever signed it; or a sentence that says what is wrong with it. */
function checkpointOf(note: string): Required<Checkpoint> | string {
  try {
    return parseCheckpoint(readNote(note).text);
  } catch (error) {
    if (error instanceof NoteError || error instanceof CheckpointError) return `${error.message}.`;
    throw error;
  }
}

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

const isHash = (bytes: Bytes | null): bytes is Bytes => bytes?.length === hashBytes;

async function sha256(subtle: SubtleCrypto, ...parts: readonly Uint8Array[]): Promise<Bytes> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await subtle.digest('SHA-256', whole));
}

const encodeBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
