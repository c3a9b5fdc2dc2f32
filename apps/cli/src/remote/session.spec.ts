import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordingGateway, startRecordingGateway } from '../../spec/recording-gateway.js';
import { connect } from './gateway.js';
import { Profiles } from './profiles.js';
import { openSession, sessionToken } from './session.js';

/** Ours runs an hour behind: nothing may depend on that. */
const start = new Date('2026-11-24T08:00:00.000Z');
const theirs = new Date('2026-11-24T09:00:00.000Z');
let now: Date;
const clock = (): Date => now;
const at = (seconds: number): Date => new Date(start.getTime() + seconds * 1000);

let base: string;
let gateway: RecordingGateway;
let profiles: Profiles;
let issued: number;

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'portcullis-session-'));
  gateway = await startRecordingGateway();
  profiles = Profiles.of({ XDG_CONFIG_HOME: base });
  now = start;
  issued = 0;
  gateway.answer(pair);
  await signIn();
  gateway.came.length = 0;
});
afterEach(async () => {
  await gateway.close();
  rmSync(base, { recursive: true, force: true });
});

function pair() {
  issued += 1;
  const gatewayNow = theirs.getTime() + (now.getTime() - start.getTime());
  return {
    headers: { Date: new Date(gatewayNow).toUTCString() },
    body: {
      access_token: `access-${issued}`,
      refresh_token: `refresh-${issued}`,
      expires_in: 3600,
      refresh_not_before: new Date(gatewayNow + 2_700_000).toISOString(),
    },
  };
}

async function signIn(): Promise<void> {
  const session = await openSession(gateway.url, { email: 'ada@example.com', password: 'p' }, clock);
  const profile = { url: gateway.url, email: 'ada@example.com', organization: 'org_1', insecure_http: false, session };
  await profiles.locked(() => profiles.write('default', profile));
}

const token = (): Promise<string> => sessionToken(profiles, 'default', clock);

const refuse = (code: string, status = 401): void =>
  gateway.answer(() => ({ status, body: { status, code, detail: 'No.' } }));

test('a session is not renewed before its refresh token is valid, by the gateway’s clock', async () => {
  now = at(2700);
  expect(await token()).toBe('access-1');
  expect(gateway.came).toEqual([]);
});

test('it is renewed as soon as that is, with the refresh token, and kept', async () => {
  now = at(2702);
  expect(await token()).toBe('access-2');
  expect(gateway.came).toMatchObject([{ url: '/v1/reauthenticate', body: { refresh_token: 'refresh-1' } }]);
  expect(await token()).toBe('access-2');
  expect(profiles.read('default')).toMatchObject({
    organization: 'org_1',
    session: { access_token: 'access-2', refresh_token: 'refresh-2', expires_at: at(2702 + 3600).toISOString() },
  });
});

test('of twenty commands at once one renews it, and all get the new token', async () => {
  now = at(5000);
  expect(new Set(await Promise.all(Array.from({ length: 20 }, token)))).toEqual(new Set(['access-2']));
  expect(gateway.came).toHaveLength(1);
});

test('a session that is over says how to sign in', async () => {
  now = at(9000);
  refuse('token_expired');
  await expect(token()).rejects.toThrow('The session is over. Sign in: portcullis login');
});

test('while it cannot be renewed just now, the access token goes on as long as it is good', async () => {
  now = at(3000);
  refuse('unavailable', 503);
  expect(await token()).toBe('access-1');
  refuse('token_not_yet_valid');
  expect(await token()).toBe('access-1');
  now = at(3601);
  refuse('unavailable', 503);
  await expect(token()).rejects.toThrow(/503 unavailable/);
});

test('its token and organization go to the address that issued it', async () => {
  gateway.answer(() => ({ body: { id: 'usr_1' } }));
  await connect({}, { XDG_CONFIG_HOME: base }, clock).ask({ method: 'GET', path: '/v1/whoami' });
  expect(gateway.came[0]?.headers).toMatchObject({ authorization: 'Bearer access-1', 'x-org-id': 'org_1' });
});

test.each([
  ['--url', { url: 'https://other.example.com' }, {}],
  ['PORTCULLIS_URL', {}, { PORTCULLIS_URL: 'https://other.example.com' }],
])('and to no other, whatever %s says', (_, place, env) => {
  expect(() => connect(place, { XDG_CONFIG_HOME: base, ...env }, clock)).toThrow(/goes nowhere else/);
});

test('a profile that is named comes before the environment', async () => {
  gateway.answer(() => ({ body: {} }));
  const env = { XDG_CONFIG_HOME: base, PORTCULLIS_TOKEN: 'ptc_1', PORTCULLIS_URL: 'https://other.example.com' };
  await connect({ profile: 'default' }, env, clock).ask({ method: 'GET', path: '/v1/whoami' });
  expect(gateway.came[0]?.headers.authorization).toBe('Bearer access-1');
});
