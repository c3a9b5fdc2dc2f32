import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientRegistry, newId, type RequestInputOf } from '@portcullis/contracts';
import { fillOutbox } from '@portcullis/testing';
import { aPublicKey, type ClientHouse, openClientHouse } from '../spec/client-house.js';

let house: ClientHouse;
beforeAll(async () => (house = await openClientHouse()));
afterAll(() => house.close());

const derOf = (pem: string): Buffer => createPublicKey(pem).export({ type: 'spki', format: 'der' });
const fingerprintOf = (pem: string): string => createHash('sha256').update(derOf(pem)).digest('hex');
const actionsOf = async (id: string) => (await house.events(id)).map(({ action }) => action);
const viewer = ['layer1:role:payment:viewer'];
const operator = ['layer1:role:payment:operator'];

describe('a client', () => {
  test('is shown by its key’s fingerprint and both ends, never the whole, and by how many of the fifteen roles it has', async () => {
    const public_key = aPublicKey();
    const made = await house.create({ public_key, roles: [...viewer, 'layer1:role:ledger:viewer', ...viewer] });
    const base64 = derOf(public_key).toString('base64');
    expect(made).toMatchObject({
      account_id: house.organization_id,
      enabled: true,
      status: 'active',
      public_key: {
        fingerprint: fingerprintOf(public_key),
        algorithm: 'ed25519',
        preview: `${base64.slice(0, 16)}…${base64.slice(-16)}`,
      },
      networks: ['0.0.0.0/0', '::/0'],
      roles: ['layer1:role:payment:viewer', 'layer1:role:ledger:viewer'],
      role_count: '2 of 15',
      roles_available: 15,
      warnings: [],
    });
    expect(JSON.stringify(await house.events(made.id))).not.toContain(base64);
    expect(await house.one(made.id)).toMatchObject({ id: made.id, client_id: made.client_id });
    expect((await house.resolve(made.client_id))?.keys).toMatchObject([{ spki: base64, expires_at: null }]);
  });

  test('may be made disabled, and has every role at once if its maker has', async () => {
    const roles = (domains: string[]) =>
      domains.flatMap((name) => [`layer1:role:${name}:viewer`, `layer1:role:${name}:operator`]);
    const all = [
      ...roles(['user', 'client', 'payment', 'channels', 'ledger', 'hook', 'contact']),
      'layer1:role:payment:approver',
    ];
    expect(await house.create({ roles: all, enabled: false })).toMatchObject({
      role_count: '15 of 15',
      status: 'disabled',
    });
  });

  test.each([
    [
      'a private key',
      () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      /private key/,
    ],
    [
      'RSA of 1024 bits',
      () =>
        generateKeyPairSync('rsa', { modulusLength: 1024 })
          .publicKey.export({ type: 'spki', format: 'pem' })
          .toString(),
      /1024 bits/,
    ],
    [
      'another curve',
      () =>
        generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      /EC key/,
    ],
    ['no key', () => 'hello', /PEM/],
  ])('is not made with %s, and the answer says what was pasted and not what it said', async (_what, pem, said) => {
    const pasted = pem();
    const refusal = await house
      .create({ public_key: pasted })
      .catch((error: unknown) => error as { code: string; publicMessage: string });
    expect(refusal).toMatchObject({ code: 'unprocessable', errors: [{ field: 'public_key' }] });
    const { publicMessage } = refusal as { publicMessage: string };
    expect(publicMessage).toMatch(said);
    for (const line of pasted.split('\n').filter((text) => text.length > 20 && !text.startsWith('-')))
      expect(publicMessage).not.toContain(line);
  });

  test('is made of a key as people paste it', async () => {
    const pem = aPublicKey();
    for (const public_key of [
      pem.replaceAll('\n', '\\n'),
      pem.replaceAll('\n', '\r\n'),
      ` ${pem.replaceAll('\n', '')} `,
    ]) {
      expect((await house.create({ public_key })).public_key.fingerprint).toBe(fingerprintOf(pem));
    }
  });

  test('with a key that another has too is made, with a warning that names that one; another organization’s is not named', async () => {
    const public_key = aPublicKey();
    await house.create({ public_key, name: 'first' });
    const { warnings } = await house.create({ public_key, name: 'second' });
    expect(warnings).toEqual([expect.stringContaining('"first"')]);
    const elsewhere = house.owner({ organization_id: newId('org', new Date()) });
    expect((await house.create({ public_key }, elsewhere)).warnings).toEqual([]);
  });

  test.each([
    [{ roles: [] }, 'unprocessable'],
    [{ roles: ['layer1:role:payment:owner'] }, 'invalid_request'],
    [{ networks: ['10.0.0.1/8'] }, 'invalid_request'],
    [{ networks: ['010.0.0.1'] }, 'invalid_request'],
  ])('%j is %s', async (given, code) => {
    await expect(house.create(given)).rejects.toMatchObject({ code });
  });
});

describe('nobody hands out more than they hold:', () => {
  const maker = () => house.owner({ permissions: ['clients:manage', 'layer1:payment:view'] });

  test('a role that the maker lacks is refused by name, on making and on editing', async () => {
    await expect(house.create({ roles: operator }, maker())).rejects.toMatchObject({
      code: 'exceeds_grant',
      publicMessage: expect.stringContaining('layer1:payment:manage') as string,
    });
    const { id } = await house.create({ roles: viewer });
    await expect(house.update({ id, roles: operator }, maker())).rejects.toMatchObject({ code: 'exceeds_grant' });
    expect(await house.update({ id, roles: operator })).toMatchObject({ roles: operator });
    // What the client holds now counts as well as what it is to hold.
    for (const change of [
      house.update({ id, roles: viewer }, maker()),
      house.update({ id, name: 'mine' }, maker()),
      house.rotate(id, 0, aPublicKey(), maker()),
      house.enable(id, maker()),
    ]) {
      await expect(change).rejects.toMatchObject({ code: 'exceeds_grant' });
    }
    expect(await house.disable(id, maker())).toMatchObject({ status: 'disabled' });
  });

  test('who may act from some networks only makes no client that acts from others', async () => {
    const bound = house.owner({ networks: ['10.0.0.0/8'] });
    await expect(house.create({}, bound)).rejects.toMatchObject({ code: 'exceeds_grant' });
    expect(await house.create({ networks: ['10.1.0.0/16'] }, bound)).toMatchObject({ networks: ['10.1.0.0/16'] });
  });

  test('another organization’s client is as good as none', async () => {
    const { id } = await house.create();
    const stranger = house.owner({ organization_id: newId('org', new Date()) });
    for (const asked of [
      house.one(id, stranger),
      house.update({ id, name: 'x' }, stranger),
      house.rotate(id, 0, aPublicKey(), stranger),
      house.enable(id, stranger),
      house.disable(id, stranger),
      house.revoke(id, stranger),
    ]) {
      await expect(asked).rejects.toMatchObject({ code: 'not_found' });
    }
    expect((await house.list({}, stranger)).items).toEqual([]);
  });
});

describe('what is kept apart by the policy', () => {
  let apart: ClientHouse;
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-apart-'));
  beforeAll(async () => {
    const policy = readFileSync(new URL('../../../config/policy.yaml', import.meta.url), 'utf8');
    const path = join(folder, 'policy.yaml');
    writeFileSync(path, `${policy}\napart:\n  - ['layer1:role:payment:operator', 'layer1:role:payment:approver']\n`);
    apart = await openClientHouse(path);
  });
  afterAll(async () => {
    await apart.close();
    rmSync(folder, { recursive: true });
  });

  test('is in no client’s hand together, whichever roles it comes by', async () => {
    const approver = ['layer1:role:payment:approver'];
    const { id } = await apart.create({ roles: operator });
    await apart.create({ roles: approver });
    for (const roles of [[...operator, ...approver], ['owner']]) {
      await expect(apart.create({ roles })).rejects.toMatchObject({
        code: 'unprocessable',
        errors: [{ field: 'roles' }],
      });
    }
    await expect(apart.update({ id, roles: [...operator, ...approver] })).rejects.toMatchObject({
      code: 'unprocessable',
    });
  });
});

describe('a change', () => {
  test('says how it came into force where gateways judge by it, and takes away or gives', async () => {
    const { id } = await house.create({ roles: operator });
    expect(await house.update({ id, name: 'another' })).toMatchObject({ name: 'another', enforcement: null });
    expect(await house.update({ id, roles: viewer })).toMatchObject({ roles: viewer, enforcement: { fenced: 0 } });
    expect(await house.update({ id, networks: ['10.0.0.0/8'] })).toMatchObject({ enforcement: { fenced: 0 } });
    expect(await house.update({ id, networks: ['0.0.0.0/0'] })).toMatchObject({ enforcement: { fenced: 0 } });
    expect(await house.update({ id, enabled: false })).toMatchObject({ status: 'disabled', enabled: false });
    expect(await house.enable(id)).toMatchObject({ status: 'active' });
    expect((await house.markers(id)).map(({ effect }) => effect)).toEqual([
      'drop',
      'drop',
      'refresh',
      'drop',
      'refresh',
    ]);
    expect(await actionsOf(id)).toEqual([
      'client.created',
      'client.updated',
      'client.updated',
      'revocation.enforced',
      'client.updated',
      'revocation.enforced',
      'client.updated',
      'client.disabled',
      'revocation.enforced',
      'client.enabled',
    ]);
    expect(await house.update({ id, name: 'another' })).toMatchObject({ enforcement: null });
    expect((await house.markers(id)).length).toBe(5);
  });

  test('left by a process that died is confirmed by another, once', async () => {
    const { id } = await house.create();
    await house.disable(id);
    await house.revoke(id);
    await house.query('update client set enforced_at = null, change_enforced_at = null where id = $1', [id]);
    await house.query(`delete from outbox where event->'resource'->>'id' = $1`, [id]);
    await house.finish();
    expect(await actionsOf(id)).toEqual([]);
    await house.query(`update marker set created_at = now() - interval '1 minute' where subject = $1`, [id]);
    await Promise.all([house.finish(), house.finish()]);
    expect(await actionsOf(id)).toEqual(['revocation.enforced', 'revocation.enforced']);
    expect((await house.one(id)).enforced_at).not.toBeNull();
  });

  test('of a revoked client is refused; revoking it again answers with the first revocation', async () => {
    const { id, client_id } = await house.create();
    const first = await house.revoke(id, house.owner({ id: 'usr_first' }));
    expect(first).toMatchObject({ status: 'revoked', revoked_by: 'usr_first' });
    house.after(60);
    const second = await house.revoke(id, house.owner({ id: 'usr_other' }));
    expect({ ...second, enforcement: null }).toEqual({ ...first, enforcement: null });
    for (const change of [house.update({ id, name: 'x' }), house.rotate(id, 0), house.enable(id), house.disable(id)]) {
      await expect(change).rejects.toMatchObject({ code: 'conflict' });
    }
    expect((await house.resolve(client_id))?.status).toBe('revoked');
    expect(await actionsOf(id)).toEqual(['client.created', 'client.revoked', 'revocation.enforced']);
  });

  test('under one Idempotency-Key is made once', async () => {
    const public_key = aPublicKey();
    const caller = () => house.owner({ id: 'usr_first' }, 'the same');
    const [one, other] = [await house.create({ public_key }, caller()), await house.create({ public_key }, caller())];
    expect(other.id).toBe(one.id);
  });
});

describe('a rotation', () => {
  const live = async (clientId: string) =>
    ((await house.resolve(clientId))?.keys ?? []).map(({ fingerprint }) => fingerprint);

  test('has both keys good for the overlap and the new one alone after it', async () => {
    const [old, next] = [aPublicKey(), aPublicKey()];
    const { id, client_id } = await house.create({ public_key: old });
    const rotated = await house.rotate(id, 60, next);
    expect(rotated).toMatchObject({
      client_id,
      public_key: { fingerprint: fingerprintOf(next) },
      rotated_at: house.clock.now.toISOString(),
    });
    expect((await live(client_id)).sort()).toEqual([fingerprintOf(old), fingerprintOf(next)].sort());
    house.after(60);
    expect(await live(client_id)).toEqual([fingerprintOf(next)]);
    expect(await house.markers(id)).toEqual([{ effect: 'refresh' }]);
  });

  test('without overlap is a revocation: the old key is nowhere, whatever a clock says', async () => {
    const next = aPublicKey();
    const { id, client_id } = await house.create();
    await house.rotate(id, 0, next);
    house.after(-3600);
    expect(await live(client_id)).toEqual([fingerprintOf(next)]);
    house.after(3600);
    expect(await actionsOf(id)).toEqual(['client.created', 'client.rotated', 'revocation.enforced']);
  });

  test('to a key that the client has or had is refused; at most five are good at once', async () => {
    const [first, second] = [aPublicKey(), aPublicKey()];
    const { id } = await house.create({ public_key: first });
    await house.rotate(id, 0, second);
    for (const key of [first, second])
      await expect(house.rotate(id, 60, key)).rejects.toMatchObject({ code: 'unprocessable' });
    for (let n = 0; n < 4; n++) await house.rotate(id, 60);
    await expect(house.rotate(id, 60)).rejects.toMatchObject({ code: 'conflict' });
    expect((await house.rotate(id, 0)).public_keys).toHaveLength(1);
  });
});

describe('the list', () => {
  test('is the organization’s own, newest first, page by page, and filtered', async () => {
    const caller = house.owner({ organization_id: newId('org', new Date()) });
    const made = [];
    for (const name of ['alpha', 'beta', 'alphabet']) made.push((await house.create({ name }, caller)).id);
    const [alpha, beta, alphabet] = made;
    const ids = async (request: Parameters<ClientHouse['list']>[0]) =>
      (await house.list(request, caller)).items.map(({ id }) => id);
    expect(await ids({})).toEqual([alphabet, beta, alpha]);
    const first = await house.list({ limit: 2 }, caller);
    const second = await house.list({ limit: 2, cursor: first.next_cursor ?? '' }, caller);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([alphabet, beta, alpha]);
    expect(second.next_cursor).toBeNull();
    expect(await ids({ q: 'ALPHA' })).toEqual([alphabet, alpha]);
    await house.disable(beta!, caller);
    await house.revoke(alpha!, caller);
    expect(await ids({ status: 'active' })).toEqual([alphabet]);
    expect(await ids({ status: 'disabled' })).toEqual([beta]);
    expect(await ids({ status: 'revoked' })).toEqual([alpha]);
    expect(await ids({ role: 'layer1:role:payment:viewer' })).toHaveLength(3);
    expect(await ids({ role: 'layer1:role:hook:viewer' })).toEqual([]);
    for (const [cursor, by] of [
      [first.next_cursor ?? '', house.owner()],
      [`${first.next_cursor}A`, caller],
      ['', caller],
    ] as const) {
      await expect(house.list({ limit: 2, cursor }, by)).rejects.toMatchObject({ code: 'invalid_cursor' });
    }
  });
});

describe('a signed request', () => {
  const claim = (client: string, digest: string, seconds = 600) =>
    house.claimRequest.execute({
      claims: [
        {
          client,
          digest,
          until: new Date(house.clock.now.getTime() + seconds * 1000).toISOString(),
          client_ip: '192.0.2.7',
          user_agent: 'signer/1',
        },
      ],
    });

  test('is taken once, whoever asks, and is forgotten when nobody would take it any more', async () => {
    const { id } = await house.create();
    const digest = 'cd'.repeat(32);
    expect(await Promise.all([claim(id, digest), claim(id, digest)])).toEqual(
      expect.arrayContaining([{ claimed: [true] }, { claimed: [false] }]),
    );
    await house.claimRequest.settle();
    expect(await claim(id, digest)).toEqual({ claimed: [false] });
    house.after(601);
    await house.claimRequest.settle();
    expect(await house.query('select 1 from signature_claim')).toEqual([]);
  });

  test('is told in the record of its client, later and never while the request waits; a replay is no use', async () => {
    const { id } = await house.create();
    await claim(id, 'ef'.repeat(32));
    expect((await house.one(id)).last_used_at).toBeNull();
    const at = house.clock.now.toISOString();
    house.after(30);
    await claim(id, 'ef'.repeat(32));
    await house.claimRequest.settle();
    expect(await house.one(id)).toMatchObject({
      last_used_at: at,
      last_used_ip: '192.0.2.7',
      last_used_user_agent: 'signer/1',
    });
  });
});

describe('a change while the record cannot be written and the outbox is full', () => {
  const clients: string[] = [];
  let stopped: string;
  let empty: () => Promise<void>;
  beforeAll(async () => {
    const networks = ['10.0.0.0/8', '192.0.2.0/24'];
    for (let n = 0; n < 9; n++) clients.push((await house.create({ roles: operator, networks })).id);
    stopped = (await house.create({ roles: operator, enabled: false })).id;
    empty = await fillOutbox(house.database);
  });
  afterAll(() => empty());

  type Change = Omit<RequestInputOf<typeof ClientRegistry.update>, 'id'>;
  test.each<Change>([
    { roles: viewer },
    { networks: ['10.1.0.0/16'] },
    { enabled: false },
    { enabled: false, roles: viewer, networks: ['192.0.2.1/32'] },
  ])('that only takes away is made: %j', async (change) => {
    expect(await house.update({ id: clients.pop() ?? '', ...change })).toMatchObject(change);
  });

  const refusedAsAWhole = async (id: string, change: Change) => {
    const before = await house.one(id);
    await expect(house.update({ id, ...change })).rejects.toMatchObject({ code: 'audit_unavailable' });
    expect(await house.one(id)).toEqual(before);
  };
  test.each<Change>([
    { roles: viewer, networks: ['0.0.0.0/0'] },
    { networks: ['10.1.0.0/16'], roles: [...operator, 'layer1:role:ledger:viewer'] },
    { enabled: false, networks: ['10.0.0.0/8', '198.51.100.0/24'] },
    { enabled: false, name: 'renamed' },
    { roles: viewer, name: 'renamed' },
  ])('that gives something, or does something else beside it, is refused as a whole: %j', (change) =>
    refusedAsAWhole(clients.pop() ?? '', change),
  );

  test('that enables and narrows at once is refused', () => refusedAsAWhole(stopped, { enabled: true, roles: viewer }));
});
