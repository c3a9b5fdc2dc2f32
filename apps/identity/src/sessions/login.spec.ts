import { Identity, Refusal } from '@portcullis/contracts';
import { administrator, claimsOf, type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { UserStore } from '../users/user.store.js';
import { Login } from './login.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
beforeEach(async () => {
  await house.query('delete from outbox');
  await house.query('delete from sign_in_failure');
});

const { subject } = Identity.login;
const right = administrator.password.reveal();

async function login(email: string, password = right, clientIp?: string) {
  const pair = await house
    .get(Login)
    .execute({ email, password: house.seal(password, subject) }, house.caller(clientIp));
  return house.openPair(pair, subject);
}

async function refusalOf(...given: Parameters<typeof login>): Promise<Refusal> {
  const refusal = await login(...given).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof Refusal)) throw new Error('it was not refused', { cause: refusal });
  return refusal;
}

describe('the right password', () => {
  test('opens a session whose token names the person, the family and the organization', async () => {
    const { access } = await login(administrator.email);
    const claims = claimsOf(access);
    expect(claims).toMatchObject({
      sub: house.userId,
      client_id: 'portcullis',
      org: house.organizationId,
      cid: claims['sid'],
    });
    expect(claims['permissions']).toContain('users:manage');
    expect(await house.events()).toMatchObject([
      {
        action: 'session.created',
        organization_id: house.organizationId,
        actor: { kind: 'user', id: house.userId, credential_id: claims['sid'] },
      },
    ]);
  });

  test('is hashed anew only while it is the one that was checked: a change meanwhile stays', async () => {
    const users = new UserStore(house.database);
    const stored = async () => (await users.find(house.userId))?.passwordHash;
    const checked = (await stored()) ?? '';
    const rehash = (from: string, to: string) =>
      house.database.transaction((tx) => users.rehash(tx, house.userId, { from, to }));
    await rehash('what it was before the change', 'of the old password');
    expect(await stored()).toBe(checked);
    await rehash(checked, 'of the same password');
    expect(await stored()).toBe('of the same password');
    await rehash('of the same password', checked);
  });

  test.each(['ada@example.com', 'ADA@EXAMPLE.COM', '  Ada@example.com '])(
    'is taken for %p: case does not count',
    async (email) => {
      await expect(login(email)).resolves.toBeDefined();
    },
  );

  test('of a person in several organizations gives a token that names none', async () => {
    await house.query(
      `insert into organization (id, name, status, created_at) values ('org_second', 'Second', 'active', now())`,
    );
    await house.query(
      `insert into membership (user_id, organization_id, roles, created_at) values ($1, 'org_second', '{viewer}', now())`,
      [house.userId],
    );
    try {
      expect(claimsOf((await login(administrator.email)).access)).not.toHaveProperty('org');
    } finally {
      await house.query(`delete from membership where organization_id = 'org_second'`);
    }
  });
});

describe('a refusal', () => {
  test('says the same of an unknown e-mail and of a wrong password', async () => {
    const unknown = await refusalOf('nobody@example.com');
    const wrong = await refusalOf(administrator.email, 'wrong');
    expect(unknown.code).toBe('invalid_credentials');
    expect(unknown.toMessage()).toEqual(wrong.toMessage());
    expect(await house.events()).toMatchObject([
      { action: 'session.refused', organization_id: null, resource: { id: null }, reason: 'unknown_email' },
      { organization_id: house.organizationId, resource: { id: house.userId }, reason: 'wrong_password' },
    ]);
  });

  test('costs the same work for an unknown e-mail as for a wrong password', async () => {
    // Processor time, not wall time: beside other work on a machine the latter tells nothing. argon2 is nearly all of it.
    const microseconds = async (email: string, sample: number): Promise<number> => {
      const since = process.cpuUsage();
      await refusalOf(email, 'wrong', `192.0.2.${10 + sample}`);
      const { user, system } = process.cpuUsage(since);
      return user + system;
    };
    let [unknown, known] = [Infinity, Infinity];
    for (let sample = 0; sample < 10; sample++) {
      unknown = Math.min(unknown, await microseconds('nobody@example.com', sample));
      known = Math.min(known, await microseconds(administrator.email, sample));
    }
    expect(unknown / known).toBeGreaterThan(1 / 2);
    expect(unknown / known).toBeLessThan(2);
  });

  test.each(['disabled', 'deleted'])('meets a person who is %s, in the same words', async (status) => {
    await house.query('update user_account set status = $1', [status]);
    try {
      expect((await refusalOf(administrator.email)).toMessage()).toEqual(
        (await refusalOf('nobody@example.com')).toMessage(),
      );
    } finally {
      await house.query(`update user_account set status = 'active'`);
    }
  });

  test.each([
    ['a person without a password', null],
    ['an empty password', ''],
    ['a password beyond bounds', 'x'.repeat(2000)],
  ])('meets %s', async (_, password) => {
    if (password === null) await house.query('update user_account set password_hash = null, name = password_hash');
    try {
      expect((await refusalOf(administrator.email, password ?? right)).code).toBe('invalid_credentials');
    } finally {
      if (password === null) await house.query('update user_account set password_hash = name, name = null');
    }
  });

  test('meets a password that was sealed for another operation', async () => {
    const password = house.seal(right, Identity.reauthenticate.subject);
    await expect(
      house.get(Login).execute({ email: administrator.email, password }, house.caller()),
    ).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('repeated failures', () => {
  const fail = async (times: number, email: string, clientIp: string): Promise<void> => {
    for (let i = 0; i < times; i++)
      expect((await refusalOf(email, 'wrong', clientIp)).code).toBe('invalid_credentials');
  };

  test('stop the eleventh try of a person from one place, right or wrong, until the first has aged a quarter of an hour', async () => {
    await fail(1, administrator.email, '198.51.100.1');
    house.clock.advance(60);
    await fail(9, administrator.email, '198.51.100.1');
    const refusal = await refusalOf(administrator.email, right, '198.51.100.1');
    expect(refusal.code).toBe('rate_limited');
    expect(refusal.retryAfterSeconds).toBe(840);
    house.clock.advance(839);
    expect((await refusalOf(administrator.email, right, '198.51.100.1')).code).toBe('rate_limited');
    house.clock.advance(1);
    await expect(login(administrator.email, right, '198.51.100.1')).resolves.toBeDefined();
  });

  test('are told once for each lock, not for each try', async () => {
    await fail(10, administrator.email, '198.51.100.20');
    for (let i = 0; i < 3; i++) await refusalOf(administrator.email, right, '198.51.100.20');
    expect(await house.events('session.locked')).toMatchObject([
      {
        organization_id: house.organizationId,
        outcome: 'denied',
        resource: { kind: 'user', id: house.userId },
        reason: 'too_many_for_user',
        details: { place: '198.51.100.20' },
      },
    ]);
    house.clock.advance(900);
    await fail(10, administrator.email, '198.51.100.20');
    expect(await house.events('session.locked')).toHaveLength(2);
  });

  test('of strangers from a hundred places leave the administrator at home free to sign in', async () => {
    await house.query(
      `insert into sign_in_failure (pair, address, failed_at)
       select 'pair' || n, '203.0.113.' || n % 250, $1 from generate_series(1, 20000) n`,
      [house.clock.now()],
    );
    await expect(login(administrator.email, right, '198.51.100.21')).resolves.toBeDefined();
    expect(await house.events('session.locked')).toEqual([]);
  });

  test('never stop the person from signing in elsewhere', async () => {
    await fail(10, administrator.email, '198.51.100.2');
    await expect(login(administrator.email, right, '198.51.100.3')).resolves.toBeDefined();
  });

  test('are forgotten after a success', async () => {
    await fail(9, administrator.email, '198.51.100.4');
    await login(administrator.email, right, '198.51.100.4');
    await fail(9, administrator.email, '198.51.100.4');
    await expect(login(administrator.email, right, '198.51.100.4')).resolves.toBeDefined();
  });

  test('count for a whole IPv6 /64', async () => {
    await fail(5, administrator.email, '2001:db8:1:2::1');
    await fail(5, administrator.email, '2001:db8:1:2:ffff::9');
    expect((await refusalOf(administrator.email, right, '2001:db8:1:2::3')).code).toBe('rate_limited');
    await expect(login(administrator.email, right, '2001:db8:1:3::3')).resolves.toBeDefined();
  });

  test('of a hundred names from one place stop that place', async () => {
    await house.query(
      `insert into sign_in_failure (pair, address, failed_at) select 'pair' || n, '198.51.100.5', $1 from generate_series(1, 99) n`,
      [house.clock.now()],
    );
    await fail(1, 'somebody@example.com', '198.51.100.5');
    expect((await refusalOf(administrator.email, right, '198.51.100.5')).code).toBe('rate_limited');
  });

  test('are not outrun by a volley sent at once', async () => {
    const codes = await Promise.all(
      Array.from({ length: 30 }, async () => (await refusalOf(administrator.email, 'wrong', '198.51.100.6')).code),
    );
    expect(codes.filter((code) => code === 'invalid_credentials')).toHaveLength(10);
    expect(codes.filter((code) => code === 'rate_limited')).toHaveLength(20);
  });

  test('twenty right passwords at once are twenty sessions', async () => {
    const pairs = await Promise.all(
      Array.from({ length: 20 }, () => login(administrator.email, right, '198.51.100.7')),
    );
    expect(new Set(pairs.map((pair) => claimsOf(pair.access)['sid'])).size).toBe(20);
  });
});
