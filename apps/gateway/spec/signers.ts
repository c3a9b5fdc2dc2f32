import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { newId, Refusal, type ResolvedClient } from '@portcullis/contracts';
import { originOf, publicKeyFromSpki, signedRequest, signRequest, type SignRequest } from '@portcullis/credentials';

export const signersOrganization = newId('org', new Date());

/** A client with its private key. */
export interface Signer {
  client: ResolvedClient;
  key: KeyObject;
}

/** client-registry as its contract describes it: whoever was made, and what was taken. */
class Signers {
  readonly made: Signer[] = [];
  readonly claims = new Set<string>();
  away = false;

  make(kind: 'ed25519' | 'rsa' | 'ec', given: Partial<ResolvedClient> = {}): Signer {
    const { publicKey, privateKey } = pairOf(kind);
    const { spki, fingerprint, algorithm } = publicKeyFromSpki(publicKey.export({ type: 'spki', format: 'der' }));
    const client: ResolvedClient = {
      id: newId('cli', new Date()),
      organization_id: signersOrganization,
      client_id: randomUUID(),
      roles: ['observer'],
      networks: ['0.0.0.0/0', '::/0'],
      status: 'active',
      keys: [{ fingerprint, algorithm, spki: spki.toString('base64'), expires_at: null }],
      ...given,
    };
    const signer = { client, key: privateKey };
    this.made.push(signer);
    return signer;
  }

  resolve(name: string): ResolvedClient | null {
    if (this.away) throw new Refusal('unavailable', 'Away.');
    return this.made.find(({ client }) => client.client_id === name || client.id === name)?.client ?? null;
  }

  claim(digest: string): boolean {
    if (this.away) throw new Refusal('unavailable', 'Away.');
    return this.claims.size < this.claims.add(digest).size;
  }
}

export const signers = new Signers();

function pairOf(kind: 'ed25519' | 'rsa' | 'ec'): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (kind) {
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'ec':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  }
}

/** What a signer sends beside the request. */
export function signed(
  { client, key }: Signer,
  {
    method,
    target,
    body,
    headers = {},
  }: { method: string; target: string; body?: string; headers?: Record<string, string> },
  given: Partial<SignRequest> & { publicUrl?: string } = {},
): Record<string, string> {
  const { publicUrl = 'https://gate.example', ...how } = given;
  const length = body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(body))];
  const request = signedRequest(originOf(publicUrl), {
    method,
    target,
    rawHeaders: [...Object.entries(headers).flat(), ...length],
  });
  const made = signRequest({
    request,
    ...(body === undefined ? {} : { body }),
    keyid: client.client_id,
    key,
    created: new Date(),
    nonce: randomUUID(),
    ...how,
  });
  return { ...headers, ...made.headers };
}
