import { Identity, Refusal } from '@portcullis/contracts';
import { administrator, claimsOf, type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { Reauthenticate } from '../tokens/reauthenticate.js';
import { ResolveFamily } from '../tokens/resolve-family.js';
import { Login } from './login.js';
import { Logout } from './logout.js';

interface Tokens {
  access: string;
  refresh: string;
  refreshExpiresIn: number;
}

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
beforeEach(async () => {
  await house.query('delete from outbox');
  await house.query('delete from marker');
  await house.query('delete from sign_in_failure');
});

async function signIn(password = administrator.password.reveal(), clientIp?: string): Promise<Tokens> {
  const { subject } = Identity.openSession;
  const request = { email: administrator.email, password: house.seal(password, subject) };
  const reply = await house.get(Login).openSession(request, house.caller(clientIp));
  return {
    access: house.open(reply.access_token, subject),
    refresh: house.open(reply.refresh_token, subject),
    refreshExpiresIn: reply.refresh_expires_in,
  };
}

async function goOn(token: string): Promise<Tokens> {
  const { subject } = Identity.continueSession;
  const request = { refresh_token: house.seal(token, subject) };
  const reply = await house.get(Reauthenticate).continueSession(request, house.caller());
  return {
    access: house.open(reply.access_token, subject),
    refresh: house.open(reply.refresh_token, subject),
    refreshExpiresIn: reply.refresh_expires_in,
  };
}

function end(token: string) {
  const request = { refresh_token: house.seal(token, Identity.endSession.subject) };
  return house.get(Logout).endSession(request, house.caller());
}

async function reauthenticate(token: string): Promise<void> {
  const request = { refresh_token: house.seal(token, Identity.reauthenticate.subject) };
  await house.get(Reauthenticate).execute(request, house.caller());
}

const sidOf = ({ access }: Tokens): string => String(claimsOf(access)['sid']);
const family = async (tokens: Tokens) => (await house.get(ResolveFamily).execute({ id: sidOf(tokens) })).family;
const actions = async () => (await house.events()).map(({ action }) => action);

async function refusalOf(work: Promise<unknown>): Promise<Refusal> {
  const refusal = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof Refusal)) throw new Error('it was not refused', { cause: refusal });
  return refusal;
}

describe('the refresh token of a browser session', () => {
  test('is good at once, and so is every one after it', async () => {
    let tokens = await signIn();
    for (let reload = 0; reload < 3; reload++) {
      expect(claimsOf(tokens.refresh)['nbf']).toBe(claimsOf(tokens.refresh)['iat']);
      expect(tokens.refreshExpiresIn).toBe(7200);
      const next = await goOn(tokens.refresh);
      expect(sidOf(next)).toBe(sidOf(tokens));
      tokens = next;
    }
    expect(await actions()).toEqual(['session.created', 'token.refreshed', 'token.refreshed', 'token.refreshed']);
  });

  test('is good once: a second use later than ten seconds ends the session everywhere', async () => {
    const first = await signIn();
    const second = await goOn(first.refresh);
    house.clock.advance(11);
    expect((await refusalOf(goOn(first.refresh))).code).toBe('invalid_token');
    expect((await family(second))?.status).toBe('revoked');
    expect((await refusalOf(goOn(second.refresh))).code).toBe('invalid_token');
    expect(await actions()).toEqual(expect.arrayContaining(['token.reused', 'family.revoked']));
  });

  test('used by two pages at once leaves one pair, and a session that goes on', async () => {
    const first = await signIn();
    const [one, two] = await Promise.all([goOn(first.refresh), goOn(first.refresh)]);
    const blocked = await house.query<{ subject: string }>(`select subject from marker where scope = 'token'`);
    const living = [one, two].filter(({ access }) =>
      blocked.every(({ subject }) => subject !== claimsOf(access)['jti']),
    );
    expect(living).toHaveLength(1);
    await expect(goOn(living[0]!.refresh)).resolves.toBeDefined();
    expect((await family(first))?.status).toBe('active');
  });

  test('gets no older than its family may', async () => {
    const first = await signIn();
    await house.query(`update token_family set ends_at = created_at + interval '90 seconds' where id = $1`, [
      sidOf(first),
    ]);
    expect((await goOn(first.refresh)).refreshExpiresIn).toBeLessThanOrEqual(90);
    house.clock.advance(90);
    expect((await refusalOf(goOn(first.refresh))).code).toBe('token_expired');
  });

  test('is refused where clients refresh, and theirs is refused here; both stay unused', async () => {
    const browser = await signIn();
    const { subject } = Identity.login;
    const password = house.seal(administrator.password.reveal(), subject);
    const login = await house.get(Login).execute({ email: administrator.email, password }, house.caller());
    const client = house.openPair(login, subject);
    house.clock.advance(3600);

    expect(await refusalOf(reauthenticate(browser.refresh))).toMatchObject({
      code: 'invalid_token',
      failedCredential: { reason: 'misplaced', credential_id: sidOf(browser) },
    });
    expect(await refusalOf(goOn(client.refresh))).toMatchObject({ failedCredential: { reason: 'misplaced' } });
    await expect(goOn(browser.refresh)).resolves.toBeDefined();
    await expect(reauthenticate(client.refresh)).resolves.toBeUndefined();
  });
});

test('a wrong password is refused and counted as at any sign-in', async () => {
  for (let failure = 0; failure < 10; failure++) {
    expect((await refusalOf(signIn('wrong', '192.0.2.77'))).code).toBe('invalid_credentials');
  }
  expect((await refusalOf(signIn(undefined, '192.0.2.77'))).code).toBe('rate_limited');
  await expect(signIn(undefined, '192.0.2.78')).resolves.toBeDefined();
});

describe('the end of a browser session', () => {
  test('needs its cookie alone, ends all of it and is written down as the person’s', async () => {
    const tokens = await signIn();
    expect(await end(tokens.refresh)).toMatchObject({ enforcement: { enforcers: 0, fenced: 0 } });
    expect((await family(tokens))?.status).toBe('revoked');
    expect((await refusalOf(goOn(tokens.refresh))).code).toBe('invalid_token');
    expect(await house.events('session.ended')).toMatchObject([
      {
        organization_id: house.organizationId,
        actor: { kind: 'user', id: house.userId, credential_id: sidOf(tokens) },
        resource: { kind: 'session', id: sidOf(tokens) },
        reason: 'logout',
      },
    ]);
  });

  test('is confirmed again by a repeat, and not written down twice', async () => {
    const tokens = await signIn();
    await end(tokens.refresh);
    expect(await end(tokens.refresh)).toMatchObject({ enforcement: { enforcers: 0 } });
    expect(await house.events('session.ended')).toHaveLength(1);
  });

  test('comes by a token that was used too', async () => {
    const first = await signIn();
    const second = await goOn(first.refresh);
    await end(first.refresh);
    expect((await family(second))?.status).toBe('revoked');
  });

  test.each([
    ['is no token', () => Promise.resolve('junk')],
    ['is an access token', async () => (await signIn()).access],
    [
      'is of a client',
      async () => {
        const { subject } = Identity.login;
        const password = house.seal(administrator.password.reveal(), subject);
        const login = await house.get(Login).execute({ email: administrator.email, password }, house.caller());
        return house.openPair(login, subject).refresh;
      },
    ],
    [
      'is over',
      async () => {
        const { refresh } = await signIn();
        house.clock.advance(7200);
        return refresh;
      },
    ],
  ])('of what %s is nothing, and no fault', async (_, token) => {
    const given = await token();
    await house.query('delete from outbox');
    expect(await end(given)).toEqual({ enforcement: null });
    expect(await house.events()).toEqual([]);
  });
});
