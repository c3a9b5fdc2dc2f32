import { type ResolvedClient } from '@portcullis/contracts';
import { type PublicKey, publicKeyFromSpki } from '@portcullis/credentials';

/** Client ids are UUIDs. What is none is no client, and nobody need be asked about it. */
export const clientIdForm = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

interface KnownKey {
  readonly key: PublicKey;
  readonly expiresAtMs: number | null;
}

/** Looking at an RSA key costs more than verifying with it, so it is done once for each record: one that changes is another object. */
const known = new WeakMap<ResolvedClient, readonly KnownKey[]>();

/** The keys of a client that are good at that time, the newest first. */
export function liveKeysOf(client: ResolvedClient, nowMs: number): PublicKey[] {
  let keys = known.get(client);
  if (!keys) {
    keys = client.keys.map(({ spki, expires_at: at }) => ({
      key: publicKeyFromSpki(Buffer.from(spki, 'base64')),
      expiresAtMs: at === null ? null : Date.parse(at),
    }));
    known.set(client, keys);
  }
  return keys.filter(({ expiresAtMs }) => expiresAtMs === null || nowMs < expiresAtMs).map(({ key }) => key);
}
