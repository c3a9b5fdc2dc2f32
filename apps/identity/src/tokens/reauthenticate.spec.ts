import { Identity, Refusal, type ResolvedKey, type TokenPair } from '@portcullis/contracts';
import { generateSigningKey, sha256Hex, signJwt } from '@portcullis/credentials';
import { eventually } from '@portcullis/testing';
import {
  administrator,
  aKey,
  claimsOf,
  clientSecret,
  type IdentityHouse,
  openIdentity,
} from '../../spec/identity-house.js';
import { Login } from '../sessions/login.js';
import { Authenticate } from './authenticate.js';
import { Reauthenticate } from './reauthenticate.js';
import { ResolveFamily } from './resolve-family.js';

interface Pair {
  access: string;
  refresh: string;
}

let house: IdentityHouse;
let key: ResolvedKey;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
beforeEach(async () => {
  await house.query('delete from outbox');
  await house.query('delete from marker');
  key = aKey(house);
  house.keys.set(key.id, key);
});

async function begin(): Promise<Pair> {
  const request = { client_id: key.client_id ?? '', secret_sha256: sha256Hex(clientSecret) };
  const pair = await house.get(Authenticate).execute(request, house.caller());
  return house.openPair(pair, Identity.authenticate.subject);
}

async function refresh(token: string): Promise<Pair> {
  const { subject } = Identity.reauthenticate;
  const request = { refresh_token: house.seal(token, subject) };
  const pair: TokenPair = await house.get(Reauthenticate).execute(request, house.caller());
  return house.openPair(pair, subject);
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const refusal = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof Refusal)) throw new Error('it was not refused', { cause: refusal });
  return refusal.code;
}

const markers = () =>
  house.query<{ scope: string; subject: string; effect: string; keep_ms: string }>('select * from marker order by seq');
const family = async (pair: Pair) =>
  (await house.get(ResolveFamily).execute({ id: String(claimsOf(pair.access)['sid']) })).family;

/** To the middle of the time in which a refresh token issued now is good. */
const wait = (): void => house.clock.advance(3600);

describe('a refresh token', () => {
  test('is good from its nbf to its exp, to the second', async () => {
    const early = await begin();
    house.clock.advance(2698);
    expect(await refusalOf(refresh(early.refresh))).toBe('token_not_yet_valid');
    house.clock.advance(2);
    await expect(refresh(early.refresh)).resolves.toBeDefined();

    const late = await begin();
    house.clock.advance(7198);
    await expect(refresh(late.refresh)).resolves.toBeDefined();
    const over = await begin();
    house.clock.advance(7200);
    expect(await refusalOf(refresh(over.refresh))).toBe('token_expired');
  });

  test('is as good as ever after it was tried too early', async () => {
    const pair = await begin();
    for (let i = 0; i < 3; i++) expect(await refusalOf(refresh(pair.refresh))).toBe('token_not_yet_valid');
    wait();
    await expect(refresh(pair.refresh)).resolves.toBeDefined();
    expect(await markers()).toEqual([]);
  });

  test('keeps its family, whose age it cannot extend', async () => {
    const first = await begin();
    const sid = String(claimsOf(first.access)['sid']);
    await house.query(`update token_family set ends_at = created_at + interval '8000 seconds' where id = $1`, [sid]);
    wait();
    const last = await refresh(first.refresh);
    expect(claimsOf(last.access)).toMatchObject({ sid, exp: Number(claimsOf(first.access)['iat']) + 7200 });
    expect(claimsOf(last.refresh)['exp']).toBe(Number(claimsOf(first.access)['iat']) + 8000);
    house.clock.advance(8000 - 3600);
    expect(await refusalOf(refresh(last.refresh))).toBe('token_expired');
    expect((await family(last))?.status).toBe('expired');
  });

  test('gives what the key has now, not what it had', async () => {
    const pair = await begin();
    wait();
    house.keys.set(key.id, { ...key, roles: ['viewer'] });
    expect(claimsOf((await refresh(pair.refresh)).access)['permissions']).toEqual(['spec:view']);
  });

  test.each<[string, (key: ResolvedKey) => ResolvedKey | undefined]>([
    ['disabled', (key) => ({ ...key, status: 'disabled' })],
    ['revoked', (key) => ({ ...key, status: 'revoked' })],
    ['gone', () => undefined],
  ])('of a key that is %s gives nothing, and stays unused', async (_, change) => {
    const pair = await begin();
    wait();
    const changed = change(key);
    if (changed) house.keys.set(key.id, changed);
    else house.keys.delete(key.id);
    expect(await refusalOf(refresh(pair.refresh))).toBe('invalid_token');
    house.keys.set(key.id, key);
    await expect(refresh(pair.refresh)).resolves.toBeDefined();
  });

  test('of an owner who is disabled gives nothing', async () => {
    const pair = await begin();
    wait();
    await house.query(`update user_account set status = 'disabled'`);
    try {
      expect(await refusalOf(refresh(pair.refresh))).toBe('invalid_token');
    } finally {
      await house.query(`update user_account set status = 'active'`);
    }
  });
});

describe('what is no refresh token of ours', () => {
  test('an access token is refused', async () => {
    const pair = await begin();
    wait();
    expect(await refusalOf(refresh(pair.access))).toBe('invalid_token');
  });

  test('a token of another key, of another type, of another audience, of no family, of no form is refused', async () => {
    const pair = await begin();
    wait();
    const claims = claimsOf(pair.refresh);
    const ours = await house.signingKeys.current();
    const foreign = generateSigningKey();
    const sign = (change: object, by = ours, typ = 'portcullis-refresh+jwt'): string =>
      signJwt({ key: by.privateKey, kid: by.kid, typ, claims: { ...claims, ...change } });
    const forgeries = [
      sign({}, foreign),
      sign({}, { ...foreign, kid: ours.kid }),
      sign({}, ours, 'at+jwt'),
      sign({ aud: 'https://gate.example' }),
      sign({ iss: 'https://other.example' }),
      sign({ sid: 'tok_none' }),
      sign({ jti: 'tok_none' }),
      sign({ nbf: 'now' }),
      `${pair.refresh}x`,
      pair.refresh.slice(0, pair.refresh.lastIndexOf('.') + 1),
      'junk',
    ];
    for (const forgery of forgeries) expect(await refusalOf(refresh(forgery))).toBe('invalid_token');
    await expect(refresh(pair.refresh)).resolves.toBeDefined();
  });

  test('claims that say more time than the row does give no more time', async () => {
    const pair = await begin();
    const ours = await house.signingKeys.current();
    const genuine = claimsOf(pair.refresh);
    const claims = { ...genuine, nbf: genuine['iat'] };
    const forged = signJwt({ key: ours.privateKey, kid: ours.kid, typ: 'portcullis-refresh+jwt', claims });
    expect(await refusalOf(refresh(forged))).toBe('token_not_yet_valid');
  });
});

describe('a second use', () => {
  test('ends the family: nothing of it is ever good again', async () => {
    const first = await begin();
    wait();
    const second = await refresh(first.refresh);
    house.clock.advance(11);
    expect(await refusalOf(refresh(first.refresh))).toBe('invalid_token');
    expect(await family(second)).toMatchObject({ status: 'revoked' });
    expect(await markers()).toMatchObject([
      { scope: 'family', subject: claimsOf(second.access)['sid'], effect: 'block' },
    ]);
    wait();
    expect(await refusalOf(refresh(second.refresh))).toBe('invalid_token');
    const events = (await house.events()).map((event) => event.action);
    expect(events).toEqual([
      'token.issued',
      'token.refreshed',
      'token.reused',
      'family.revoked',
      'revocation.enforced',
    ]);
  });

  test('blocks the family for as long as any of its access tokens can live', async () => {
    const first = await begin();
    wait();
    await refresh(first.refresh);
    house.clock.advance(60);
    expect(await refusalOf(refresh(first.refresh))).toBe('invalid_token');
    expect(Number((await markers())[0]?.keep_ms)).toBeGreaterThanOrEqual((3600 - 60) * 1000);
  });

  test('is answered only when every live enforcer refuses the family', async () => {
    await house.query(
      `insert into enforcer (id, incarnation, state, applied_through, granted_through, lease_ms, renewals)
       values ('gateway-1', 1, 'live', 0, 0, 60000, 1)`,
    );
    const first = await begin();
    wait();
    await refresh(first.refresh);
    house.clock.advance(11);
    let answered = false;
    const use = refusalOf(refresh(first.refresh)).finally(() => (answered = true));
    const [row] = await eventually(async () => {
      const rows = await house.query<{ revoked_seq: string }>(
        'select revoked_seq from token_family where id = $1 and revoked_at is not null',
        [claimsOf(first.access)['sid']],
      );
      return rows.length > 0 && rows;
    });
    expect(answered).toBe(false);
    await house.query('update enforcer set applied_through = $1', [row?.revoked_seq]);
    expect(await use).toBe('invalid_token');
    await house.query('delete from enforcer');
  });
});

describe('an immediate repeat', () => {
  test('is answered anew; the pair whose answer was lost is dead, access token included', async () => {
    const first = await begin();
    wait();
    const lost = await refresh(first.refresh);
    house.clock.advance(10);
    const second = await refresh(first.refresh);
    expect(await markers()).toMatchObject([{ scope: 'token', subject: claimsOf(lost.access)['jti'], effect: 'block' }]);
    wait();
    expect(await refusalOf(refresh(lost.refresh))).toBe('invalid_token');
    await expect(refresh(second.refresh)).resolves.toBeDefined();
  });

  test('is reuse once the first answer has been used', async () => {
    const short = await openIdentity({ tokens: { accessSeconds: 10, refreshSeconds: 60, overlapSeconds: 10 } });
    try {
      const { subject } = Identity.reauthenticate;
      const use = async (token: string): Promise<Pair> =>
        short.openPair(
          await short.get(Reauthenticate).execute({ refresh_token: short.seal(token, subject) }, short.caller()),
          subject,
        );
      const login = await short.get(Login).execute(
        {
          email: administrator.email,
          password: short.seal(administrator.password.reveal(), Identity.login.subject),
        },
        short.caller(),
      );
      const first = short.openPair(login, Identity.login.subject);
      const second = await use(first.refresh);
      await use(second.refresh);
      expect(await refusalOf(use(first.refresh))).toBe('invalid_token');
      expect((await short.events('family.revoked')).length).toBe(1);
    } finally {
      await short.close();
    }
  });

  test('of twenty at once leaves exactly one pair alive', async () => {
    const first = await begin();
    wait();
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => refresh(first.refresh)));
    const pairs = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(pairs).toHaveLength(20);

    const blocked = new Set((await markers()).filter(({ scope }) => scope === 'token').map(({ subject }) => subject));
    const living = pairs.filter((pair) => !blocked.has(String(claimsOf(pair.access)['jti'])));
    expect(living).toHaveLength(1);

    wait();
    const uses = await Promise.all(
      pairs.map((pair) =>
        refresh(pair.refresh).then(
          () => pair,
          () => undefined,
        ),
      ),
    );
    expect(uses.filter((pair) => pair !== undefined)).toEqual(living);
    expect((await family(first))?.status).toBe('active');
  });
});

describe('a login session', () => {
  const login = async (): Promise<Pair> => {
    const { subject } = Identity.login;
    const password = house.seal(administrator.password.reveal(), subject);
    return house.openPair(
      await house.get(Login).execute({ email: administrator.email, password }, house.caller()),
      subject,
    );
  };

  test('is refreshed likewise, with the roles that the person has now', async () => {
    const pair = await login();
    wait();
    await house.query(`update membership set roles = '{viewer}'`);
    try {
      const next = await refresh(pair.refresh);
      expect(claimsOf(next.access)).toMatchObject({
        sub: house.userId,
        client_id: 'portcullis',
        cid: claimsOf(next.access)['sid'],
        permissions: ['spec:view'],
      });
    } finally {
      await house.query(`update membership set roles = '{owner}'`);
    }
  });

  test('of a person who has been disabled is not refreshed', async () => {
    const pair = await login();
    wait();
    await house.query(`update user_account set status = 'disabled'`);
    try {
      expect(await refusalOf(refresh(pair.refresh))).toBe('invalid_token');
    } finally {
      await house.query(`update user_account set status = 'active'`);
    }
  });
});

describe('tokens of a client secret that has ended', () => {
  const secret = { form: 'client_credentials' as const, sha256: sha256Hex(clientSecret), expires_at: null };

  test('are not refreshed, while those of the next one are', async () => {
    const old = await begin();
    expect(await family(old)).toMatchObject({ secret_generation: 1 });
    house.clock.advance(3_000);
    // During the overlap both are good.
    const ends = new Date(house.clock.now().getTime() + 60_000).toISOString();
    const next = { ...secret, id: 'sec_2', generation: 2, sha256: sha256Hex('n'.repeat(48)) };
    house.keys.set(key.id, { ...key, secrets: [{ ...secret, id: 'sec_1', generation: 1, expires_at: ends }, next] });
    const refreshed = await refresh(old.refresh);
    expect((await family(refreshed))?.id).toBe((await family(old))?.id);
    const request = { client_id: key.client_id ?? '', secret_sha256: next.sha256 };
    const fresh = house.openPair(
      await house.get(Authenticate).execute(request, house.caller()),
      Identity.authenticate.subject,
    );
    house.clock.advance(3_000);
    expect(await refusalOf(refresh(refreshed.refresh))).toBe('invalid_token');
    house.keys.set(key.id, { ...key, secrets: [next] });
    expect(await refusalOf(refresh(refreshed.refresh))).toBe('invalid_token');
    const { refresh: token } = fresh;
    await expect(refresh(token)).resolves.toBeDefined();
  });
});
