import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { originOf, type SignedRequest, signedRequest } from '../src/http-signature/signed-request.js';
import { SignatureError } from '../src/http-signature/signature-error.js';
import { type PublicKey, readPublicKey, type SignatureAlgorithm } from '../src/public-key.js';

export const origin = originOf('https://gate.example');
export const keyid = 'cli-of-the-spec';
/** The second in which the requests of the specs are signed. */
export const createdSeconds = Date.parse('2026-11-28T12:00:00Z') / 1000;
export const at = (seconds: number): Date => new Date((createdSeconds + seconds) * 1000);

export interface ClientPair {
  readonly algorithm: SignatureAlgorithm;
  readonly privateKey: KeyObject;
  readonly registered: PublicKey;
}

/** One pair for each algorithm; the two of RSA share theirs, as a client's would. */
export const clientPairs: readonly ClientPair[] = (() => {
  const of = (
    algorithm: SignatureAlgorithm,
    { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
  ) => ({
    algorithm,
    privateKey,
    registered: readPublicKey(publicKey.export({ type: 'spki', format: 'pem' }) as string),
  });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return [
    of('rsa-v1_5-sha256', rsa),
    of('rsa-pss-sha512', rsa),
    of('ecdsa-p256-sha256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
    of('ed25519', generateKeyPairSync('ed25519')),
  ];
})();

/** A request with these headers, each a name and a value. */
export function aRequest(method: string, target: string, ...headers: readonly [string, string][]): SignedRequest {
  return signedRequest(origin, { method, target, rawHeaders: headers.flat() });
}

/** The same with headers added. */
export function withHeaders(request: SignedRequest, headers: Readonly<Record<string, string>>): SignedRequest {
  return { ...request, rawHeaders: [...request.rawHeaders, ...Object.entries(headers).flat()] };
}

/** What an action was refused with, as `code component`; 'accepted' if it was not. */
export function refusalOf(action: () => unknown): string {
  try {
    action();
    return 'accepted';
  } catch (error) {
    if (error instanceof SignatureError) return [error.code, error.component].filter(Boolean).join(' ');
    throw error;
  }
}
