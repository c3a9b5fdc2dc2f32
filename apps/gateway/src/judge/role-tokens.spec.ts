import { type RoleTokenClaims, RoleTokenKeys, Secret } from '@portcullis/credentials';
import { RoleTokens } from './role-tokens.js';

const keys = RoleTokenKeys.parse('kX2vT9sQe7LwYb4NcR6mZp1HjD8fUgA3oViSxE5tBq0=');
const issuedAt = Date.parse('2026-11-24T12:00:00Z') / 1000;
const claims: RoleTokenClaims = {
  id: 'tok_1',
  installationId: 'ins_1',
  epoch: 1,
  role: 'creator',
  familyId: 'tok_1',
  owner: null,
  issuedAt,
  expiresAt: issuedAt + 60,
  familyEndsAt: issuedAt + 60,
};
const at = (seconds: number): Date => new Date((issuedAt + seconds) * 1000);

test('a token is one object as long as it is remembered, and another token another', () => {
  const tokens = new RoleTokens(keys);
  const token = keys.seal(claims);
  expect(tokens.open(token, at(0))).toMatchObject(claims);
  expect(tokens.open(Secret.of(token.reveal()), at(59.999))).toBe(tokens.open(token, at(0)));
  expect(tokens.open(keys.seal(claims), at(0))).not.toBe(tokens.open(token, at(0)));
});

test.each([
  ['its very second', at(60)],
  ['long after', at(1e9)],
  ['a clock that does not go', new Date(NaN)],
])('a remembered one is over at %s, as one never seen is', (_, now) => {
  const tokens = new RoleTokens(keys);
  const token = keys.seal(claims);
  tokens.open(token, at(0));
  for (let attempt = 0; attempt < 2; attempt++)
    expect(() => tokens.open(token, now)).toThrow(expect.objectContaining({ code: 'expired' }) as Error);
});

test('what does not open is not remembered', () => {
  const tokens = new RoleTokens(keys);
  const token = keys.seal(claims).reveal();
  const changed = Secret.of(`${token.slice(0, -4)}AAAA`);
  for (let attempt = 0; attempt < 2; attempt++)
    expect(() => tokens.open(changed, at(0))).toThrow(expect.objectContaining({ code: 'bad_signature' }) as Error);
});

test('the one that was used longest ago is forgotten first', () => {
  const tokens = new RoleTokens(keys, 2);
  const [one, two, three] = [keys.seal(claims), keys.seal(claims), keys.seal(claims)];
  const first = tokens.open(one, at(0));
  const second = tokens.open(two, at(0));
  tokens.open(one, at(0));
  tokens.open(three, at(0));
  expect(tokens.open(one, at(0))).toBe(first);
  expect(tokens.open(two, at(0))).not.toBe(second);
});
