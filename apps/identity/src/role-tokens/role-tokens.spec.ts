import {
  type AuthenticatedCaller,
  type Caller,
  Identity,
  Refusal,
  type RoleTokenRevocation,
} from '@portcullis/contracts';
import { type OpenedRoleToken, type RoleTokenClaims, Secret } from '@portcullis/credentials';
import {
  administrator,
  type IdentityHouse,
  nodePassword,
  openIdentity,
  roleTokenKeys,
} from '../../spec/identity-house.js';
import { Housekeeping } from '../housekeeping.js';
import { IssueRoleToken } from './issue-role-token.js';
import { RefreshRoleToken } from './refresh-role-token.js';
import { ResolveInstallation } from './resolve-installation.js';
import { RevokeRoleTokens } from './revoke-role-tokens.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
beforeEach(async () => {
  for (const table of ['outbox', 'node_password_failure', 'sign_in_failure']) await house.query(`delete from ${table}`);
});

type Wanted = Parameters<IssueRoleToken['execute']>[0]['wanted'];
type Role = NonNullable<Wanted>['role'];

interface Issued {
  text: string;
  says: OpenedRoleToken;
  reply: { token_id: string; role: string; expires_at: string };
}

const wants = (role: Role, expiry = 3600): Wanted => ({ role, expiry });

async function issue(
  wanted: Wanted,
  given: { password?: string; email?: string; ip?: string; from?: IdentityHouse } = {},
): Promise<Issued> {
  const { from = house } = given;
  const { subject } = Identity.issueRoleToken;
  const password = from.seal(given.password ?? nodePassword.text, subject);
  const reply = await from
    .get(IssueRoleToken)
    .execute({ email: given.email ?? null, password, wanted }, from.caller(given.ip));
  return opened(from.open(reply.key, subject), reply, from);
}

/** What each token said when it was made. */
const said = new Map<string, OpenedRoleToken>();

function opened(text: string, reply: Issued['reply'], from = house): Issued {
  const says = roleTokenKeys.open(Secret.of(text), from.clock.now());
  said.set(text, says);
  return { text, reply, says };
}

/** The gateway's caller for a role token that it has accepted. */
const holderOf = (token: RoleTokenClaims, from = house): AuthenticatedCaller => {
  const caller: Caller = from.caller();
  return {
    ...caller,
    principal: {
      kind: 'node',
      id: token.installationId,
      credential_id: token.id,
      organization_id: from.organizationId,
      roles: [token.role],
      permissions: [],
      resources: {},
      networks: null,
      expires_at: null,
    },
  };
};

async function refresh(
  text: string,
  wanted: { role?: Role; expiry: number },
  by?: AuthenticatedCaller,
): Promise<Issued> {
  const { subject } = Identity.refreshRoleToken;
  const says = by ? undefined : said.get(text);
  const caller = by ?? (says && holderOf(says));
  if (!caller) throw new Error('whose token is it?');
  const reply = await house.get(RefreshRoleToken).execute({ token: house.seal(text, subject), wanted }, caller);
  return opened(house.open(reply.key, subject), reply);
}

const administratorNow = (request: { idempotencyKey?: string; organizationId?: string } = {}): AuthenticatedCaller => {
  const holder = holderOf({ installationId: 'x', id: 'tok_session', role: 'owner' } as RoleTokenClaims);
  return {
    ...holder,
    request: { ...holder.request, idempotency_key: request.idempotencyKey ?? null },
    principal: {
      ...holder.principal,
      kind: 'user',
      id: house.userId,
      permissions: ['roletokens:revoke'],
      organization_id: request.organizationId ?? house.organizationId,
    },
  };
};

async function revoke(
  what: { token?: string; token_id?: string; all?: true },
  by = administratorNow(),
): Promise<RoleTokenRevocation> {
  const { token, ...rest } = what;
  const sealed = token === undefined ? {} : { token: house.seal(token, Identity.revokeRoleTokens.subject) };
  return house.get(RevokeRoleTokens).execute({ ...rest, ...sealed }, by);
}

async function refusal(attempt: Promise<unknown>): Promise<Refusal> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Refusal)) throw new Error('it was not refused', { cause: error });
  return error;
}
const codeOf = async (attempt: Promise<unknown>): Promise<string> => (await refusal(attempt)).code;

const markers = () =>
  house.query<{ scope: string; subject: string; effect: string; epoch: string | null; keep_ms: string | null }>(
    'select scope, subject, effect, epoch, keep_ms from marker order by seq',
  );

const installation = async (of = house) => (await of.get(ResolveInstallation).execute()).installation;

describe('the node password', () => {
  test('gives a token of the role and lifetime asked for, in the first organization', async () => {
    const { says, reply } = await issue(wants('maintainer', 3600));
    const { id } = await installation();
    expect(says).toMatchObject({ installationId: id, epoch: 1, role: 'maintainer', owner: null });
    expect(says.expiresAt - says.issuedAt).toBe(3600);
    expect(says.familyEndsAt - says.issuedAt).toBe(2 * 86_400);
    expect(reply).toMatchObject({
      token_id: says.id,
      role: 'maintainer',
      expires_at: new Date(says.expiresAt * 1000).toISOString(),
    });
    expect(await house.events()).toMatchObject([
      {
        action: 'role-token.issued',
        organization_id: house.organizationId,
        actor: { kind: 'node', id, credential_id: says.id },
        resource: { kind: 'role-token', id: says.id },
        details: { role: 'maintainer', family: says.familyId },
      },
    ]);
  });

  test.each([
    ['wrong', 'hello '],
    ['empty', ''],
    ['over 72 bytes', 'hello'.repeat(20)],
    ['cut by NUL', 'hello\0'],
  ])('that is %s is refused and written down', async (_, password) => {
    expect(await codeOf(issue(wants('consumer'), { password }))).toBe('invalid_credentials');
    expect(await house.events()).toMatchObject([
      {
        action: 'role-token.refused',
        outcome: 'denied',
        reason: 'wrong_password',
        actor: { kind: 'anonymous' },
        client_ip: '192.0.2.1',
      },
    ]);
  });

  test('comes before the body: what is wrong with that is told to whoever knows it', async () => {
    expect(await codeOf(issue(null))).toBe('invalid_request');
    expect(await codeOf(issue(null, { password: 'wrong' }))).toBe('invalid_credentials');
  });

  test('gives nothing beyond the configured lifetime', async () => {
    await expect(issue(wants('consumer', 86_400))).resolves.toBeDefined();
    const refused = await refusal(issue(wants('consumer', 86_401)));
    expect(refused).toMatchObject({ code: 'invalid_request', errors: [{ field: 'expiry', message: /1 to 86400/ }] });
  });
});

describe('wrong passwords', () => {
  const fail = async (times: number, ip: string): Promise<void> => {
    for (let i = 0; i < times; i++)
      expect(await codeOf(issue(wants('consumer'), { password: 'wrong', ip }))).toBe('invalid_credentials');
  };

  test('ten a minute from one place, then the right one too is refused until the first is a minute old', async () => {
    await fail(1, '198.51.100.1');
    house.clock.advance(20);
    await fail(9, '198.51.100.1');
    const refused = await refusal(issue(wants('consumer'), { ip: '198.51.100.1' }));
    expect(refused).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 40 });
    house.clock.advance(39);
    expect(await codeOf(issue(wants('consumer'), { ip: '198.51.100.1' }))).toBe('rate_limited');
    house.clock.advance(1);
    await expect(issue(wants('consumer'), { ip: '198.51.100.1' })).resolves.toBeDefined();
  });

  test('from one place stop no other: there is no total', async () => {
    for (let place = 10; place < 14; place++) await fail(10, `198.51.100.${place}`);
    await expect(issue(wants('consumer'), { ip: '198.51.100.99' })).resolves.toBeDefined();
  });

  test('count for a whole IPv6 /64', async () => {
    await fail(5, '2001:db8:1:2::1');
    await fail(5, '2001:db8:1:2:ffff::9');
    expect(await codeOf(issue(wants('consumer'), { ip: '2001:db8:1:2::3' }))).toBe('rate_limited');
    await expect(issue(wants('consumer'), { ip: '2001:db8:1:3::3' })).resolves.toBeDefined();
  });

  test('are not outrun by a volley sent at once', async () => {
    const codes = await Promise.all(
      Array.from({ length: 40 }, () => codeOf(issue(wants('consumer'), { password: 'wrong', ip: '198.51.100.6' }))),
    );
    expect(codes.filter((code) => code === 'invalid_credentials').length).toBeLessThanOrEqual(10);
    expect(new Set(codes)).not.toContain('internal');
    expect((await house.query('select 1 from node_password_failure')).length).toBeLessThanOrEqual(10);
  });

  test('a full queue is "unavailable" with a time to come back, for right passwords too, and is over at once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, at) =>
        issue(wants('consumer'), { ip: `203.0.113.${at}` }).then(
          () => 'issued',
          (error: Refusal) => error,
        ),
      ),
    );
    const refused = outcomes.filter((outcome) => outcome !== 'issued') as Refusal[];
    expect(refused.length).toBeLessThan(60);
    for (const one of refused) expect(one).toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
    await expect(issue(wants('consumer'))).resolves.toBeDefined();
  });

  test('are forgotten by housekeeping', async () => {
    await fail(1, '198.51.100.7');
    house.clock.advance(61);
    await new Housekeeping(house.database, () => undefined).run();
    expect(await house.query('select 1 from node_password_failure')).toEqual([]);
  });
});

describe('a person’s own password', () => {
  const mine = { email: administrator.email, password: administrator.password.reveal() };

  test('gives a role that the person covers, and the token remembers whose it is', async () => {
    const { says } = await issue(wants('maintainer'), mine);
    expect(says.owner).toEqual({ id: house.userId, passwordNumber: 0 });
    expect(await house.events('role-token.issued')).toMatchObject([
      { actor: { kind: 'user', id: house.userId, credential_id: says.id } },
    ]);
  });

  test('gives no role beyond what the person holds in the first organization', async () => {
    await house.query(`update membership set roles = '{consumer}'`);
    try {
      await expect(issue(wants('consumer'), mine)).resolves.toBeDefined();
      const refused = await refusal(issue(wants('creator'), mine));
      expect(refused.code).toBe('exceeds_grant');
      expect(refused.publicMessage).toContain('node:data:manage');
      expect(await house.events('role-token.refused')).toMatchObject([{ reason: 'exceeds_grant' }]);
    } finally {
      await house.query(`update membership set roles = '{owner}'`);
    }
  });

  test('is not the node’s, nor the other way round, and an unknown person is refused in the same words', async () => {
    const wrong = await refusal(issue(wants('consumer'), { ...mine, password: nodePassword.text }));
    const unknown = await refusal(issue(wants('consumer'), { ...mine, email: 'nobody@example.com' }));
    expect(wrong.toMessage()).toEqual(unknown.toMessage());
    expect(await codeOf(issue(wants('consumer'), { password: mine.password }))).toBe('invalid_credentials');
    expect((await house.events('role-token.refused')).map(({ reason }) => reason)).toEqual([
      'wrong_password',
      'unknown_email',
      'wrong_password',
    ]);
  });

  test('is what its tokens last as long as: changed, none of them is refreshed', async () => {
    const { text } = await issue(wants('creator'), mine);
    await house.query('update user_account set password_number = password_number + 1');
    try {
      expect(await codeOf(refresh(text, { expiry: 60 }))).toBe('invalid_token');
      expect((await house.events('role-token.refused')).at(-1)).toMatchObject({ reason: 'password_changed' });
    } finally {
      await house.query('update user_account set password_number = password_number - 1');
    }
  });

  test('falls under the limits of signing in', async () => {
    const ip = '198.51.100.20';
    for (let i = 0; i < 10; i++) await codeOf(issue(wants('consumer'), { ...mine, password: 'wrong', ip }));
    expect(await codeOf(issue(wants('consumer'), { ...mine, ip }))).toBe('rate_limited');
  });
});

describe('a refresh', () => {
  const orders: [Role, Role, boolean][] = [
    ['maintainer', 'auditor', true],
    ['maintainer', 'accountant', true],
    ['accountant', 'creator', true],
    ['creator', 'consumer', true],
    ['auditor', 'auditor', true],
    ['consumer', 'creator', false],
    ['creator', 'accountant', false],
    ['accountant', 'auditor', false],
    ['auditor', 'consumer', false],
    ['auditor', 'maintainer', false],
  ];

  test.each(orders)('from %s to %s: %p', async (from, to, goes) => {
    const { text, says } = await issue(wants(from));
    const attempt = refresh(text, { role: to, expiry: 60 });
    if (goes) return expect((await attempt).says).toMatchObject({ role: to, familyId: says.familyId });
    expect(await codeOf(attempt)).toBe('exceeds_grant');
    expect(await house.events('role-token.refused')).toMatchObject([
      { reason: 'exceeds_grant', resource: { id: says.id } },
    ]);
  });

  test('keeps the role if none is named, may live longer than the token before it, which stays valid', async () => {
    const { text, says } = await issue(wants('creator', 60));
    const next = await refresh(text, { expiry: 3600 });
    expect(next.says).toMatchObject({ role: 'creator', familyId: says.familyId, familyEndsAt: says.familyEndsAt });
    expect(next.says.id).not.toBe(says.id);
    expect(next.says.expiresAt).toBeGreaterThan(says.expiresAt);
    await expect(refresh(text, { expiry: 60 })).resolves.toBeDefined();
    expect(await house.events('role-token.refreshed')).toMatchObject([
      { details: { from: says.id, from_role: 'creator', role: 'creator' }, actor: { credential_id: says.id } },
      {},
    ]);
  });

  test('never goes up again by way of a lower role', async () => {
    const low = await refresh((await issue(wants('maintainer'))).text, { role: 'consumer', expiry: 60 });
    expect(await codeOf(refresh(low.text, { role: 'maintainer', expiry: 60 }))).toBe('exceeds_grant');
  });

  test('ends where the family ends, however often it is repeated', async () => {
    const first = await issue(wants('creator', 86_400));
    house.clock.advance(86_300);
    const second = await refresh(first.text, { expiry: 86_400 });
    house.clock.advance(86_300);
    const third = await refresh(second.text, { expiry: 86_400 });
    expect(third.says.expiresAt).toBe(first.says.familyEndsAt);
    house.clock.advance(201);
    expect(await codeOf(refresh(third.text, { expiry: 60 }, holderOf(third.says)))).toBe('token_expired');
  });

  test.each([
    ['expired', 3600, 'token_expired'],
    ['valid for another second', 3599, 'issued'],
  ])('of a token that is %s', async (_, seconds, expected) => {
    const { text, says } = await issue(wants('creator', 3600));
    // Tokens have whole seconds: this is the exact one.
    house.clock.advance(seconds - (house.clock.now().getTime() % 1000) / 1000);
    const outcome = await refresh(text, { expiry: 60 }, holderOf(says)).then(
      () => 'issued',
      (error: Refusal) => error.code,
    );
    house.clock.advance((250 - (house.clock.now().getTime() % 1000)) / 1000);
    expect(outcome).toBe(expected);
  });

  test('is asked for by the holder of that very token', async () => {
    const [one, other] = [await issue(wants('creator')), await issue(wants('creator'))];
    expect(await codeOf(refresh(one.text, { expiry: 60 }, holderOf(other.says)))).toBe('invalid_token');
  });

  test('of junk is an invalid token, of too long a life a bad request', async () => {
    const { text, says } = await issue(wants('creator'));
    expect(await codeOf(refresh('a..b.c.d', { expiry: 60 }, holderOf(says)))).toBe('invalid_token');
    expect(await codeOf(refresh(text, { expiry: 86_401 }))).toBe('invalid_request');
  });

  test('holds a person to what they hold now, and gives nothing to one who is no longer there', async () => {
    const mine = { email: administrator.email, password: administrator.password.reveal() };
    const { text } = await issue(wants('maintainer'), mine);
    await house.query(`update membership set roles = '{consumer}'`);
    try {
      expect(await codeOf(refresh(text, { expiry: 60 }))).toBe('exceeds_grant');
      await expect(refresh(text, { role: 'consumer', expiry: 60 })).resolves.toBeDefined();
      await house.query(`update user_account set status = 'disabled'`);
      expect(await codeOf(refresh(text, { role: 'consumer', expiry: 60 }))).toBe('invalid_token');
    } finally {
      await house.query(`update membership set roles = '{owner}'`);
      await house.query(`update user_account set status = 'active'`);
    }
  });
});

describe('a revocation', () => {
  test.each(['token', 'token_id'] as const)(
    'by %s ends the token and all of its family, with a receipt',
    async (by) => {
      const first = await issue(wants('creator'));
      const second = await refresh(first.text, { expiry: 3600 });
      const sibling = await refresh(first.text, { role: 'consumer', expiry: 3600 });
      const before = (await markers()).length;
      const revoked = await revoke(by === 'token' ? { token: second.text } : { token_id: second.says.id });
      expect(revoked).toMatchObject({
        token_id: second.says.id,
        revoked_by: house.userId,
        enforcement: { enforcers: 0, acknowledged: 0, fenced: 0 },
      });
      expect((await markers()).slice(before)).toMatchObject([
        { scope: 'token', subject: second.says.id, effect: 'block' },
        { scope: 'family', subject: first.says.familyId, effect: 'block' },
      ]);
      const left = (first.says.familyEndsAt * 1000 - house.clock.now().getTime()) / 1000;
      expect(Number((await markers()).at(-1)?.keep_ms) / 1000).toBeGreaterThan(left);
      for (const { text } of [first, second, sibling])
        expect(await codeOf(refresh(text, { expiry: 60 }))).toBe('invalid_token');
      await expect(issue(wants('creator')).then(({ text }) => refresh(text, { expiry: 60 }))).resolves.toBeDefined();
    },
  );

  test('is written down once; a repeat answers with the first', async () => {
    const { text, says } = await issue(wants('creator'));
    await house.query('delete from outbox');
    const first = await revoke({ token: text });
    house.clock.advance(5);
    const [again] = await Promise.all([revoke({ token_id: says.id }), revoke({ token: text })]);
    expect({ ...again, enforcement: null }).toEqual({ ...first, enforcement: null });
    expect((await house.events()).map(({ action }) => action)).toEqual(['role-tokens.revoked', 'revocation.enforced']);
  });

  test('of a token that was made elsewhere is known by its id alone, and holds as long as any could live', async () => {
    const id = 'tok_01J00000000000000000000099';
    await revoke({ token_id: id });
    expect((await markers()).slice(-2)).toMatchObject([
      { scope: 'token', subject: id },
      { scope: 'family', subject: id },
    ]);
    expect(Number((await markers()).at(-1)?.keep_ms)).toBeGreaterThan(365 * 86_400_000);
  });

  test('of all begins an epoch: what was made before is refused, what is made after is not', async () => {
    const before = await issue(wants('creator'));
    const { id } = await installation();
    const revoked = await revoke({ all: true });
    expect(revoked).toMatchObject({ token_id: null, revoked_by: house.userId });
    const after = await issue(wants('creator'));
    expect(after.says.epoch).toBe(before.says.epoch + 1);
    const [ours, others] = (await markers()).slice(-2);
    expect(ours).toMatchObject({ scope: 'role-tokens', subject: id, effect: 'epoch', epoch: String(after.says.epoch) });
    // Those of others by the time of their issue, clocks a minute apart included; for ever, as nobody knows how long they live.
    expect(others).toMatchObject({ scope: 'role-tokens', subject: 'others', effect: 'epoch', keep_ms: null });
    expect(Number(others?.epoch)).toBe(Math.floor(house.clock.now().getTime() / 1000) + 61);
    expect(await codeOf(refresh(before.text, { expiry: 60 }))).toBe('invalid_token');
    await expect(refresh(after.text, { expiry: 60 })).resolves.toBeDefined();
  });

  test('of all, repeated with its Idempotency-Key, ends nothing that was made since', async () => {
    await revoke({ all: true }, administratorNow({ idempotencyKey: 'once' }));
    const since = await issue(wants('creator'));
    await revoke({ all: true }, administratorNow({ idempotencyKey: 'once' }));
    await expect(refresh(since.text, { expiry: 60 })).resolves.toBeDefined();
    await revoke({ all: true }, administratorNow({ idempotencyKey: 'twice' }));
    expect(await codeOf(refresh(since.text, { expiry: 60 }))).toBe('invalid_token');
  });

  test('a refresh that runs beside it never gives a token that outlives it', async () => {
    for (const how of ['all', 'token', 'token_id'] as const) {
      const { text, says } = await issue(wants('creator'));
      const [refreshed] = await Promise.allSettled([
        refresh(text, { expiry: 60 }),
        revoke(how === 'all' ? { all: true } : how === 'token' ? { token: text } : { token_id: says.id }),
      ]);
      if (refreshed.status === 'rejected') continue;
      // It came first: then the marker names it.
      const named = (await markers()).some(
        ({ scope, subject, epoch }) =>
          (scope === 'family' && subject === refreshed.value.says.familyId) ||
          (scope === 'role-tokens' &&
            subject === refreshed.value.says.installationId &&
            refreshed.value.says.epoch < Number(epoch)),
      );
      expect(named).toBe(true);
    }
  });

  test.each([
    ['nothing', {}],
    ['two things', { all: true, token_id: 'tok_01J00000000000000000000099' }],
  ])('of %s is a bad request', async (_, what) =>
    expect(await codeOf(revoke(what as { all?: true }))).toBe('invalid_request'),
  );

  test('of junk and of a token that has expired is unprocessable: nothing would be revoked', async () => {
    const { text } = await issue(wants('creator', 1));
    house.clock.advance(2);
    expect(await codeOf(revoke({ token: text }))).toBe('unprocessable');
    expect(await codeOf(revoke({ token: 'ptc_hello' }))).toBe('unprocessable');
  });

  test('is nothing that another organization can do, whatever its members hold there', async () => {
    const stranger = administratorNow({ organizationId: 'org_second' });
    expect(await codeOf(revoke({ all: true }, stranger))).toBe('not_found');
    expect(await codeOf(revoke({ token_id: (await issue(wants('creator'))).says.id }, stranger))).toBe('not_found');
  });
});

describe('another installation with the same key', () => {
  let elsewhere: IdentityHouse;
  beforeAll(async () => {
    elsewhere = await openIdentity();
  });
  afterAll(() => elsewhere.close());

  const issuedThere = (given: Parameters<typeof issue>[1] = {}): Promise<Issued> => {
    elsewhere.clock.advance((house.clock.now().getTime() - elsewhere.clock.now().getTime()) / 1000);
    return issue(wants('creator'), { ...given, from: elsewhere });
  };

  test('has an id of its own', async () => {
    expect((await installation(elsewhere)).id).not.toBe((await installation()).id);
  });

  test('its tokens are refreshed here, into tokens of ours in the same family, below our epoch or not', async () => {
    await revoke({ all: true });
    house.clock.advance(120);
    const theirs = await issuedThere();
    const ours = await refresh(theirs.text, { expiry: 60 });
    expect(theirs.says.epoch).toBe(1);
    expect(ours.says).toMatchObject({ installationId: (await installation()).id, familyId: theirs.says.familyId });
    expect(ours.says.epoch).toBeGreaterThan(1);
  });

  test('those that were made before all were revoked here are not', async () => {
    const theirs = await issuedThere();
    await revoke({ all: true });
    expect(await codeOf(refresh(theirs.text, { expiry: 60 }))).toBe('invalid_token');
  });

  test('a token that is revoked here by its id is not refreshed here, though only the id was known', async () => {
    house.clock.advance(120);
    const theirs = await issuedThere();
    await revoke({ token_id: theirs.says.id });
    expect(await codeOf(refresh(theirs.text, { expiry: 60 }))).toBe('invalid_token');
  });

  test('a person there is nobody here', async () => {
    const mine = { email: administrator.email, password: administrator.password.reveal() };
    const theirs = await issuedThere(mine);
    expect(await codeOf(refresh(theirs.text, { expiry: 60 }))).toBe('invalid_token');
  });
});

test('without a node password nothing of it is there, and what was issued can still be revoked', async () => {
  const without = await openIdentity({ roleTokens: { nodePassword: null } });
  try {
    const { subject } = Identity.issueRoleToken;
    const asked = async (text: string) =>
      without
        .get(IssueRoleToken)
        .execute({ email: null, password: without.seal(text, subject), wanted: null }, without.caller());
    expect(await codeOf(asked('hello'))).toBe('not_found');
    const { text, says } = await issue(wants('creator'));
    const request = { token: without.seal(text, Identity.refreshRoleToken.subject), wanted: { expiry: 60 } };
    expect(await codeOf(without.get(RefreshRoleToken).execute(request, holderOf(says, without)))).toBe('not_found');
    expect((await installation(without)).issues_role_tokens).toBe(false);
  } finally {
    await without.close();
  }
});

test('no password and no token is in the database', async () => {
  const { text } = await issue(wants('creator'));
  await codeOf(issue(wants('creator'), { password: 'almost hello' }));
  const rows = await house.query('select event::text from outbox');
  const all = JSON.stringify([rows, await house.query('select * from role_token'), await markers()]);
  expect(all).not.toContain(text.slice(-30));
  expect(all).not.toContain('almost hello');
});
