import { accessClaims, type Holder, lifetimeFaults, pairTimes, refreshClaims, TokenSettings } from './token-pair.js';

const settings = new TokenSettings({
  issuer: 'https://gate.example',
  audience: 'https://gate.example',
  accessSeconds: 3600,
  refreshSeconds: 7200,
  overlapSeconds: 900,
  familySeconds: 2_592_000,
});
const now = new Date('2026-11-24T12:00:00.750Z');
const iat = Math.floor(now.getTime() / 1000);
const later = (seconds: number): Date => new Date((iat + seconds) * 1000);
const ids = { familyId: 'tok_family', jti: 'tok_one' };
const holder: Holder = {
  sub: 'AbCdEfGhIjKlMnOpQrStUv',
  clientId: 'AbCdEfGhIjKlMnOpQrStUv',
  organizationId: 'org_one',
  credentialId: 'key_one',
  permissions: ['counterparties:view'],
  endsAt: null,
};

test('times are whole seconds: access an hour, refresh from 45 minutes to two hours', () => {
  expect(pairTimes(settings, now, later(1_000_000))).toEqual({
    issuedAt: iat,
    accessExpires: iat + 3600,
    refreshNotBefore: iat + 2700,
    refreshExpires: iat + 7200,
  });
});

test('no token outlives its family or its key', () => {
  expect(pairTimes(settings, now, later(1800))).toEqual({
    issuedAt: iat,
    accessExpires: iat + 1800,
    refreshNotBefore: iat + 900,
    refreshExpires: iat + 1800,
  });
  expect(pairTimes(settings, now, later(60))).toMatchObject({ refreshNotBefore: iat, refreshExpires: iat + 60 });
});

test('an access token has exactly the claims that the contract names', () => {
  const times = pairTimes(settings, now, later(1_000_000));
  expect(accessClaims(settings, ids, holder, times)).toEqual({
    iss: 'https://gate.example',
    aud: 'https://gate.example',
    sub: 'AbCdEfGhIjKlMnOpQrStUv',
    client_id: 'AbCdEfGhIjKlMnOpQrStUv',
    org: 'org_one',
    cid: 'key_one',
    sid: 'tok_family',
    jti: 'tok_one',
    iat,
    nbf: iat,
    exp: iat + 3600,
    permissions: ['counterparties:view'],
  });
});

test('buckets stand in an access token only where a permission is bound to buckets', () => {
  const times = pairTimes(settings, now, later(1_000_000));
  expect(accessClaims(settings, ids, { ...holder, buckets: ['reports'] }, times)['resources']).toEqual({
    buckets: ['reports'],
  });
  expect(accessClaims(settings, ids, holder, times)).not.toHaveProperty('resources');
});

test('a token of a person in several organizations names none', () => {
  const times = pairTimes(settings, now, later(1_000_000));
  expect(accessClaims(settings, ids, { ...holder, organizationId: null }, times)).not.toHaveProperty('org');
});

test('a refresh token allows nothing and is for another audience', () => {
  const claims = refreshClaims(settings, ids, holder.sub, pairTimes(settings, now, later(1_000_000)));
  expect(Object.keys(claims).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sid', 'sub']);
  expect(claims['aud']).toBe('https://gate.example/v1/reauthenticate');
  expect(claims['aud']).not.toBe(settings.audience);
});

describe('lifetimes are refused with a sentence', () => {
  const good = { accessSeconds: 3600, refreshSeconds: 7200, overlapSeconds: 900, familySeconds: 2_592_000 };
  test.each<[string, Partial<typeof good>, RegExp | null]>([
    ['the defaults fit', {}, null],
    ['an overlap as long as the access token fits', { overlapSeconds: 3600 }, null],
    ['a longer overlap does not', { overlapSeconds: 3601 }, /OVERLAP_SECONDS is longer/],
    ['no overlap fits', { overlapSeconds: 0 }, null],
    [
      'a refresh token that ends when it begins does not',
      { refreshSeconds: 2700 },
      /REFRESH_TOKEN_SECONDS is too short/,
    ],
    ['a refresh token that is good for one second fits', { refreshSeconds: 2701 }, null],
    ['a family that ends before its refresh tokens does not', { familySeconds: 7199 }, /FAMILY_DAYS is shorter/],
  ])('%s', (_, change, fault) => {
    const faults = lifetimeFaults({ ...good, ...change });
    if (fault === null) expect(faults).toEqual([]);
    else expect(faults).toEqual([expect.stringMatching(fault)]);
  });
});
