// How long a role token takes to make and to read: node:crypto as libs/credentials does it, and jose with the same key and header.
// npm run build && node bench/role-token.mjs
import { hkdfSync } from 'node:crypto';
import { compactDecrypt, CompactEncrypt } from 'jose';
import { RoleTokenKeys, Secret } from '../libs/credentials/dist/index.js';

const secret = 'q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=';
const keys = RoleTokenKeys.parse(secret);
const key = Buffer.from(hkdfSync('sha256', secret, '', 'portcullis v1 role-token', 32));
const now = new Date();
const issuedAt = Math.floor(now / 1000);
const claims = {
  id: 'tok_01J0000000000000000000000A',
  installationId: 'ins_0123456789abcdef0123456789abcdef',
  epoch: 1,
  role: 'creator',
  familyId: 'tok_01J0000000000000000000000A',
  ownerId: null,
  issuedAt,
  expiresAt: issuedAt + 3600,
  familyEndsAt: issuedAt + 86_400,
};
const token = keys.seal(claims);
const { protectedHeader, plaintext } = await compactDecrypt(token.reveal(), key);
const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };

/** Microseconds for one, the best of five rounds: the others were disturbed. */
async function microseconds(work, times = 2000) {
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const since = performance.now();
    for (let i = 0; i < times; i++) await work();
    best = Math.min(best, ((performance.now() - since) / times) * 1000);
  }
  return best.toFixed(1);
}

console.log('microseconds each, one at a time        make     read');
console.log(
  'node:crypto (libs/credentials)    ',
  (await microseconds(() => keys.seal(claims))).padStart(9),
  (await microseconds(() => keys.open(Secret.of(token.reveal()), now))).padStart(8),
);
console.log(
  'jose                              ',
  (await microseconds(() => new CompactEncrypt(plaintext).setProtectedHeader(protectedHeader).encrypt(key))).padStart(
    9,
  ),
  (await microseconds(() => compactDecrypt(token.reveal(), key, options))).padStart(8),
);
