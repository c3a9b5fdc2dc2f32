import { Identity, Refusal, type ResolvedKey } from '@portcullis/contracts';
import { sha256Hex, verifyJwt } from '@portcullis/credentials';
import { aKey, claimsOf, clientSecret, headerOf, type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { Authenticate } from './authenticate.js';

let house: IdentityHouse;
let key: ResolvedKey;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
beforeEach(async () => {
  await house.query('delete from outbox');
  house.keys.clear();
  key = keep(aKey(house));
});

function keep(made: ResolvedKey): ResolvedKey {
  house.keys.set(made.id, made);
  return made;
}

const authenticate = (clientId: string, secret = clientSecret, clientIp?: string) =>
  house.get(Authenticate).execute({ client_id: clientId, secret_sha256: sha256Hex(secret) }, house.caller(clientIp));

const open = async (clientId: string) => house.openPair(await authenticate(clientId), Identity.authenticate.subject);

describe('a client secret becomes a pair', () => {
  test('that is sealed to the gateway that asked and verifies with the published keys', async () => {
    const { access, refresh } = await open(key.client_id ?? '');
    expect(headerOf(access)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(headerOf(refresh)).toMatchObject({ alg: 'ES256', typ: 'portcullis-refresh+jwt' });
    const published = await house.signingKeys.published();
    expect(published.map(({ kid }) => kid)).toContain(headerOf(access)['kid']);
    const verificationKey = await house.signingKeys.find(String(headerOf(access)['kid']));
    const claims = verifyJwt(access, {
      typ: 'at+jwt',
      keys: () => verificationKey,
      issuer: 'https://gate.example',
      audience: 'https://gate.example',
      now: house.clock.now(),
    });
    expect(claims).toMatchObject({
      sub: key.client_id,
      client_id: key.client_id,
      org: house.organizationId,
      cid: key.id,
      permissions: ['spec:manage', 'spec:view'],
    });
  });

  test('whose refresh token becomes valid fifteen minutes before the access token ends', async () => {
    const answer = await authenticate(key.client_id ?? '');
    const { access, refresh } = house.openPair(answer, Identity.authenticate.subject);
    expect(answer.expires_in).toBe(3600);
    expect(claimsOf(refresh)['nbf']).toBe(Number(claimsOf(access)['exp']) - 900);
    expect(Date.parse(answer.refresh_not_before)).toBe(Number(claimsOf(refresh)['nbf']) * 1000);
    expect(claimsOf(refresh)['sid']).toBe(claimsOf(access)['sid']);
  });

  test('that does not outlive the key', async () => {
    const ending = keep(aKey(house, { expires_at: new Date(house.clock.now().getTime() + 600_000).toISOString() }));
    const answer = await authenticate(ending.client_id ?? '');
    expect(answer.expires_in).toBe(600);
  });

  test('that has no more than the owner of the key', async () => {
    await house.query(`update membership set roles = '{viewer}'`);
    try {
      const { access } = await open(key.client_id ?? '');
      expect(claimsOf(access)['permissions']).toEqual(['spec:view']);
    } finally {
      await house.query(`update membership set roles = '{owner}'`);
    }
  });

  test('that names its buckets where a permission is bound to them', async () => {
    const bound = keep(aKey(house, { roles: ['storage:object-read-only'], buckets: ['reports', 'logs'] }));
    const { access } = await open(bound.client_id ?? '');
    expect(claimsOf(access)['resources']).toEqual({ buckets: ['logs', 'reports'] });
  });

  test('and leaves one event in the transaction, without a secret', async () => {
    const { access, refresh } = await open(key.client_id ?? '');
    const events = await house.events();
    expect(events).toMatchObject([
      {
        action: 'token.issued',
        outcome: 'success',
        organization_id: house.organizationId,
        actor: { kind: 'user', id: house.userId, credential_id: key.id },
        resource: { kind: 'token', id: claimsOf(access)['jti'] },
      },
    ]);
    const written = JSON.stringify(events);
    for (const secret of [access, refresh, clientSecret, sha256Hex(clientSecret)])
      expect(written).not.toContain(secret);
  });
});

describe('a refusal', () => {
  const refusalOf = async (...given: Parameters<typeof authenticate>): Promise<Refusal> => {
    const refusal = await authenticate(...given).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(refusal instanceof Refusal)) throw new Error('it was not refused', { cause: refusal });
    return refusal;
  };

  test('says the same of an unknown client and of a wrong secret', async () => {
    const unknown = await refusalOf('x'.repeat(22));
    const wrong = await refusalOf(key.client_id ?? '', 'T'.repeat(48));
    expect(unknown.code).toBe('invalid_credentials');
    const said = ({ failed_credential: _, ...rest }: ReturnType<Refusal['toMessage']>) => rest;
    expect(said(unknown.toMessage())).toEqual(said(wrong.toMessage()));
    expect(unknown.failedCredential).toEqual({ reason: 'unknown_client', organization_id: null, credential_id: null });
    expect(wrong.failedCredential).toEqual({
      reason: 'wrong_secret',
      organization_id: house.organizationId,
      credential_id: key.id,
    });
  });

  test('writes nothing here: a flood of junk is the gateway’s to count', async () => {
    await refusalOf('x'.repeat(22));
    expect(await house.events()).toEqual([]);
  });

  test.each<[string, Partial<ResolvedKey>, string]>([
    ['of a disabled key', { status: 'disabled' }, 'key_disabled'],
    ['of a revoked key', { status: 'revoked' }, 'key_revoked'],
    ['of an expired key', { status: 'expired' }, 'key_expired'],
    ['of a key whose end has come', { expires_at: '2026-11-24T12:00:00.000Z' }, 'key_expired'],
    ['of a key without this form', { secrets: [] }, 'wrong_secret'],
    ['of a service account that is not known', { owner: { kind: 'service_account', id: 'sa_none' } }, 'owner_inactive'],
    ['of a key in an organization that its owner has left', { organization_id: 'org_other' }, 'owner_inactive'],
  ])('%s says no more', async (_, given, reason) => {
    const made = keep(aKey(house, given));
    expect(await refusalOf(made.client_id ?? '')).toMatchObject({
      code: 'invalid_credentials',
      failedCredential: { reason, credential_id: made.id },
    });
    expect(await house.query('select 1 from token_family where credential_id = $1', [made.id])).toEqual([]);
  });

  test.each(['disabled', 'deleted'])('meets the key of an owner who is %s', async (status) => {
    await house.query('update user_account set status = $1', [status]);
    try {
      expect((await refusalOf(key.client_id ?? '')).code).toBe('invalid_credentials');
    } finally {
      await house.query(`update user_account set status = 'active'`);
    }
  });

  test('meets a key in a suspended organization', async () => {
    await house.query(`update organization set status = 'suspended'`);
    try {
      expect((await refusalOf(key.client_id ?? '')).code).toBe('invalid_credentials');
    } finally {
      await house.query(`update organization set status = 'active'`);
    }
  });

  test('meets a secret of another form, and one whose overlap is over', async () => {
    const now = house.clock.now().toISOString();
    const made = keep(
      aKey(house, {
        secrets: [
          { id: 'sec_1', form: 'bearer', generation: 1, sha256: sha256Hex('b'), expires_at: null },
          { id: 'sec_2', form: 'client_credentials', generation: 1, sha256: sha256Hex('old'), expires_at: now },
          { id: 'sec_3', form: 'client_credentials', generation: 1, sha256: sha256Hex('new'), expires_at: null },
        ],
      }),
    );
    expect((await refusalOf(made.client_id ?? '', 'b')).code).toBe('invalid_credentials');
    expect((await refusalOf(made.client_id ?? '', 'old')).code).toBe('invalid_credentials');
    await expect(authenticate(made.client_id ?? '', 'new')).resolves.toBeDefined();
  });

  test('tells only who has the secret that the address is not allowed', async () => {
    const made = keep(aKey(house, { networks: ['10.0.0.0/8'] }));
    expect((await refusalOf(made.client_id ?? '', clientSecret, '192.0.2.1')).code).toBe('network_not_allowed');
    expect((await refusalOf(made.client_id ?? '', 'wrong', '192.0.2.1')).code).toBe('invalid_credentials');
    await expect(authenticate(made.client_id ?? '', clientSecret, '10.1.2.3')).resolves.toBeDefined();
  });
});
