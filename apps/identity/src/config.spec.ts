import { ConfigFault } from '@portcullis/settings';
import { readConfig } from './config.js';

const enough = {
  NATS_URL: 'nats://identity:secret@localhost:4222',
  DATABASE_URL: 'postgres://identity:secret@localhost:5432/portcullis',
  PORTCULLIS_PUBLIC_URL: 'https://gate.example',
  PORTCULLIS_KEY_ENCRYPTION_KEY: 'q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=',
};

function faultsOf(env: Record<string, string>): string {
  try {
    readConfig({ ...enough, ...env });
    return '';
  } catch (error) {
    if (error instanceof ConfigFault) return error.lines.join('\n');
    throw error;
  }
}

test('lifetimes are an hour, two hours and a quarter of an hour unless configured', () => {
  expect(readConfig(enough).tokens).toMatchObject({
    issuer: 'https://gate.example',
    audience: 'https://gate.example',
    accessSeconds: 3600,
    refreshSeconds: 7200,
    overlapSeconds: 900,
    familySeconds: 30 * 86_400,
  });
});

test('mail is sent where both a server and a sender are configured, and the server is a mail server', () => {
  expect(readConfig(enough).mail).toBeNull();
  const both = {
    PORTCULLIS_SMTP_URL: 'smtp://u:hunter2@mail.example:587',
    PORTCULLIS_SMTP_FROM: 'Gate <g@gate.example>',
  };
  expect(readConfig({ ...enough, ...both }).mail?.from).toBe('Gate <g@gate.example>');
  expect(faultsOf({ PORTCULLIS_SMTP_URL: both.PORTCULLIS_SMTP_URL })).toContain('belong together');
  expect(faultsOf({ PORTCULLIS_SMTP_FROM: both.PORTCULLIS_SMTP_FROM })).toContain('belong together');
  const faults = faultsOf({ ...both, PORTCULLIS_SMTP_URL: 'https://u:hunter2@mail.example' });
  expect(faults).toContain('PORTCULLIS_SMTP_URL');
  expect(faults).not.toContain('hunter2');
});

test('an audience of its own may be configured', () => {
  const { tokens } = readConfig({ ...enough, PORTCULLIS_TOKEN_AUDIENCE: 'https://api.example' });
  expect(tokens).toMatchObject({ issuer: 'https://gate.example', audience: 'https://api.example' });
  expect(tokens.refreshAudience).toBe('https://gate.example/v1/reauthenticate');
});

test.each([
  [
    'a public URL with a slash at its end',
    { PORTCULLIS_PUBLIC_URL: 'https://gate.example/' },
    /PORTCULLIS_PUBLIC_URL: must be/,
  ],
  ['a public URL with a query', { PORTCULLIS_PUBLIC_URL: 'https://gate.example?x' }, /PORTCULLIS_PUBLIC_URL: must be/],
  ['a public URL that is none', { PORTCULLIS_PUBLIC_URL: 'gate.example' }, /PORTCULLIS_PUBLIC_URL: must be/],
  [
    'a key-encryption key that is short',
    { PORTCULLIS_KEY_ENCRYPTION_KEY: 'short' },
    /PORTCULLIS_KEY_ENCRYPTION_KEY: .*too short/,
  ],
  [
    'an access token of no time',
    { PORTCULLIS_ACCESS_TOKEN_SECONDS: '0' },
    /PORTCULLIS_ACCESS_TOKEN_SECONDS: is not a whole/,
  ],
  ['an overlap longer than the access token', { PORTCULLIS_ACCESS_TOKEN_SECONDS: '60' }, /OVERLAP_SECONDS is longer/],
  [
    'a refresh token that is never valid',
    { PORTCULLIS_REFRESH_TOKEN_SECONDS: '2700' },
    /REFRESH_TOKEN_SECONDS is too short/,
  ],
  [
    'an administrator without an e-mail address',
    { PORTCULLIS_FIRST_ADMIN_EMAIL: 'ada' },
    /FIRST_ADMIN_EMAIL: is not an e-mail/,
  ],
  [
    'a password that is short',
    { PORTCULLIS_FIRST_ADMIN_PASSWORD: 'hunter2' },
    /FIRST_ADMIN_PASSWORD: must have at least 8/,
  ],
])('%s is refused with a sentence that holds no value', (_, env, sentence) => {
  const faults = faultsOf(env);
  expect(faults).toMatch(sentence);
  expect(faults).not.toContain('hunter2');
});

describe('role tokens', () => {
  const hash = '$2y$10$PJLb5yVmoFG86q0j27WWLeBnS2aG.WeblM9dvz5yahojiS.43TRSe';
  const key = 'kX2vT9sQe7LwYb4NcR6mZp1HjD8fUgA3oViSxE5tBq0=';

  test('are off without a node password, whether or not there is a key', () => {
    expect(readConfig(enough).roleTokens).toMatchObject({ nodePassword: null, keys: null });
    expect(readConfig({ ...enough, PORTCULLIS_TOKEN_ENCRYPTION_KEY: key }).roleTokens.nodePassword).toBeNull();
  });

  test('live a month, a family a quarter, unless configured', () => {
    const { roleTokens } = readConfig({
      ...enough,
      PORTCULLIS_ADMIN_PASSWORD_HASH: hash,
      PORTCULLIS_TOKEN_ENCRYPTION_KEY: key,
    });
    expect(roleTokens).toMatchObject({ maxSeconds: 30 * 86_400, familySeconds: 90 * 86_400 });
    expect(roleTokens.nodePassword?.cost).toBe(10);
  });

  test.each([
    ['a node password without a key', { PORTCULLIS_ADMIN_PASSWORD_HASH: hash }, /role tokens need both/],
    [
      'the password itself',
      { PORTCULLIS_ADMIN_PASSWORD_HASH: 'hunter2' },
      /ADMIN_PASSWORD_HASH: It is not a bcrypt hash/,
    ],
    ['a hash of cost 31', { PORTCULLIS_ADMIN_PASSWORD_HASH: hash.replace('$10', '$31') }, /Its cost is 31/],
    ['a weak key', { PORTCULLIS_TOKEN_ENCRYPTION_KEY: 'hunter2' }, /TOKEN_ENCRYPTION_KEY: .*too short/],
    ['a token longer than its family', { PORTCULLIS_ROLE_TOKEN_FAMILY_SECONDS: '60' }, /MAX_SECONDS is longer than/],
  ])('%s is refused with a sentence that holds no value', (_, env, sentence) => {
    const faults = faultsOf(env);
    expect(faults).toMatch(sentence);
    expect(faults).not.toContain('hunter2');
  });
});

test('short lifetimes that fit together are taken', () => {
  expect(
    faultsOf({
      PORTCULLIS_ACCESS_TOKEN_SECONDS: '20',
      PORTCULLIS_REFRESH_TOKEN_SECONDS: '40',
      PORTCULLIS_REFRESH_OVERLAP_SECONDS: '10',
    }),
  ).toBe('');
});
