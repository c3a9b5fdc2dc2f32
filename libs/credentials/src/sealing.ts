import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  type KeyObject,
} from 'node:crypto';
import { decodeBase64url } from './base64url.js';
import { type CompactJwe, decryptCompact, encryptCompact, parseCompact } from './compact-jwe.js';
import { thumbprint } from './jwk.js';
import { parseStrictJson } from './strict-json.js';
import { KeyRefused, publicKeyFromJwk } from './verification-key.js';

/** A sealed text does not open: it was changed, is for another key or another context, or is none of ours. */
export class SealRefused extends Error {
  override readonly name = 'SealRefused';
}

/** The public half of a sealing key, to be published by the process that will open what is sealed to it. */
export type SealingJwk = {
  readonly kty: 'OKP';
  readonly crv: 'X25519';
  readonly x: string;
  /** The RFC 7638 thumbprint. */
  readonly kid: string;
  readonly use: 'enc';
  readonly alg: 'ECDH-ES';
};

/** A fresh X25519 private key, for one process and its lifetime. */
export function generateSealingKey(): KeyObject {
  return generateKeyPairSync('x25519').privateKey;
}

/**
 * The X25519 private key that 32 bytes of key material stand for, such as `KeyEncryption.derive('sealing')`: all
 * replicas of a service open what is sealed to one of them. Throws {@link KeyRefused} for any other length.
 */
export function sealingKeyFrom(seed: Uint8Array): KeyObject {
  if (seed.length !== 32) throw new KeyRefused('An X25519 key is made from 32 bytes.');
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
}

/** Throws {@link KeyRefused} unless the key is a private or public X25519 key. */
export function publicSealingJwk(key: KeyObject): SealingJwk {
  if (key.asymmetricKeyType !== 'x25519') throw new KeyRefused('Sealing takes an X25519 key.');
  const { x = '' } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  return { ...namedKey(x), use: 'enc', alg: 'ECDH-ES' };
}

/**
 * Seals a text so that only the holder of the private key can read it: a compact JWE (RFC 7516), ECDH-ES over X25519
 * (RFC 8037) with A256GCM, no compression. It says nothing of who sealed it. The context stands in the protected
 * header, in the clear and authenticated. Throws {@link KeyRefused} unless `jwk` is a public X25519 key and nothing
 * more.
 *
 * @param context what the text is and for which exchange; needed again to open it
 */
export function seal(jwk: unknown, plaintext: string, context: string): string {
  const { key, kid } = importSealingJwk(jwk);
  const ephemeral = generateKeyPairSync('x25519');
  const { x } = ephemeral.publicKey.export({ format: 'jwk' });
  const header = {
    alg: 'ECDH-ES',
    enc: 'A256GCM',
    typ: sealedType,
    kid,
    ctx: context,
    epk: { kty: 'OKP', crv: 'X25519', x },
  };
  const protectedHeader = Buffer.from(JSON.stringify(header)).toString('base64url');
  return encryptCompact(protectedHeader, agreedKey(ephemeral.privateKey, key), plaintext);
}

/** Opens a sealed text. Throws {@link SealRefused} for everything that was not sealed to this key for this context. */
export function unseal(key: KeyObject, text: string, context: string): string {
  const { jwe, epk } = taken(text, kidOf(key), context);
  try {
    return decryptCompact(jwe, agreedKey(key, epk)).toString();
  } catch (cause) {
    throw new SealRefused('The sealed text was changed or is for another key.', { cause });
  }
}

/**
 * RFC 7518 section 4.6.2: the Concat KDF over the shared secret, for A256GCM, without names of the parties. SHA-256 gives
 * all 256 bits in one round. Throws {@link KeyRefused} for a public key of low order.
 */
function agreedKey(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  let shared: Buffer;
  try {
    shared = diffieHellman({ privateKey, publicKey });
  } catch (cause) {
    throw new KeyRefused('The public key is one whose shared secret anybody knows.', { cause });
  }
  return hash('sha256', Buffer.concat([firstRound, shared, otherInfo]), 'buffer');
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const firstRound = uint32(1);
/** AlgorithmID with its length, empty PartyUInfo and PartyVInfo, SuppPubInfo: the length of the key in bits. */
const otherInfo = Buffer.concat([uint32(7), Buffer.from('A256GCM'), uint32(0), uint32(0), uint32(256)]);

const sealedType = 'portcullis-sealed+jwe';

/** RFC 8410: PrivateKeyInfo, version 0, id-X25519, then the 32 bytes as an octet string within one. */
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex');

function namedKey(x: string) {
  const members = { kty: 'OKP', crv: 'X25519', x } as const;
  return { ...members, kid: thumbprint(members) };
}

function importSealingJwk(jwk: unknown): { key: KeyObject; kid: string } {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) throw new KeyRefused('A JWK is an object.');
  const { kty, crv, x, kid, use, alg, ...rest } = jwk as Record<string, unknown>;
  if (Object.keys(rest).length > 0)
    throw new KeyRefused('The JWK holds members that a public X25519 key does not have.');
  if (kty !== 'OKP' || crv !== 'X25519') throw new KeyRefused('The JWK is not an X25519 key.');
  if (typeof x !== 'string' || decodeBase64url(x)?.length !== 32)
    throw new KeyRefused('x is not 32 bytes in base64url.');
  if ((use ?? 'enc') !== 'enc' || (alg ?? 'ECDH-ES') !== 'ECDH-ES') throw new KeyRefused('The JWK is for another use.');
  const named = namedKey(x);
  if (kid !== undefined && kid !== named.kid) throw new KeyRefused('The kid is not the thumbprint.');
  return { key: publicKeyFromJwk({ kty, crv, x }), kid: named.kid };
}

/** Takes a sealed text apart: exactly our parameters, canonical base64url throughout. That it is what was sealed is for the tag to say. */
function taken(text: string, kid: string, context: string): { jwe: CompactJwe; epk: KeyObject } {
  const jwe = parseCompact(text);
  const header = jwe && decodeBase64url(jwe.header);
  if (!header) throw notSealed();
  let parameters: unknown;
  try {
    parameters = parseStrictJson(header, { maxDepth: 2, maxBytes: 4096 });
  } catch (cause) {
    throw notSealed(cause);
  }
  const { epk, ...named } = (parameters ?? {}) as Record<string, unknown>;
  const wanted: Record<string, unknown> = { alg: 'ECDH-ES', enc: 'A256GCM', typ: sealedType, kid, ctx: context };
  const names = Object.keys(wanted);
  if (Object.keys(named).length !== names.length || !names.every((name) => named[name] === wanted[name])) {
    throw new SealRefused('The text is sealed for another key or another context.');
  }
  try {
    return { jwe, epk: importSealingJwk(epk).key };
  } catch (cause) {
    throw notSealed(cause);
  }
}

const notSealed = (cause?: unknown): SealRefused => new SealRefused('This is not a sealed text.', { cause });

/** A process opens with the same key all its life. */
const kids = new WeakMap<KeyObject, string>();

function kidOf(key: KeyObject): string {
  const kid = kids.get(key) ?? publicSealingJwk(key).kid;
  kids.set(key, kid);
  return kid;
}
