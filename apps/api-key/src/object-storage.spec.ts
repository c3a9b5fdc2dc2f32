import { Bus, CallerSigner, EnforcementAuthority, EnforcerLink, startService } from '@portcullis/bus';
import { ApiKey, Bucket, newId, type Principal, S3SigningKeys } from '@portcullis/contracts';
import {
  generateSealingKey,
  generateSigningKey,
  publicSealingJwk,
  s3SigningKey,
  Secret,
  unseal,
} from '@portcullis/credentials';
import { PolicyFile } from '@portcullis/policy';
import { aCaller, eventually, specConnection, specDatabase, type SpecDatabase, specNatsUrl } from '@portcullis/testing';
import { objectStorage } from '../spec/key-house.js';
import { apiKeyDatabase, ApiKeyModule } from './api-key.module.js';

const [sealingKey, gatewayKey] = [generateSealingKey(), generateSigningKey()];
const organization_id = newId('org', new Date());

let spec: SpecDatabase;
let service: { stop(): Promise<void> };
let policy: PolicyFile;
let gateway: Bus;

beforeAll(async () => {
  policy = await PolicyFile.open(new URL('../../../config/policy.yaml', import.meta.url).pathname);
  spec = await specDatabase(apiKeyDatabase);
  const { database } = spec;
  service = await startService('api-key', specNatsUrl('api-key'), (bus, report) => {
    const authority = new EnforcementAuthority(bus, { store: database.enforcement, leaseSeconds: 2, report });
    return Promise.resolve({
      module: ApiKeyModule.of({ bus, database, policy, authority, keyPrefix: 'ptc', s3: objectStorage }),
      outbox: database.outbox,
      companions: [authority],
      gatewayKeys: { find: () => Promise.resolve(gatewayKey.publicKey) },
      healthy: () => database.healthy(),
      close: () => Promise.resolve(),
    });
  });
  gateway = await Bus.connect('gateway', specNatsUrl('gateway'), {
    signer: new CallerSigner(gatewayKey, () => new Date()),
  });
});

afterAll(async () => {
  await gateway.close();
  await service.stop();
  await policy.close();
  await spec.drop();
});

const { kty, crv, x } = publicSealingJwk(sealingKey);
const replyKey = { kty, crv, x };
const caller = (given: Partial<Principal> = {}) => {
  const { lattice } = policy.current;
  const permissions = lattice.names(lattice.grant({ roles: ['owner'], buckets: 'all' }));
  return aCaller({ organization_id, permissions, resources: { buckets: 'all' }, ...given }, { replyKey });
};
const createS3 = () =>
  gateway.call(ApiKey.create, { name: 'ci', forms: ['s3'], roles: ['storage:object-read-only'] }, caller());
const resolve = (access_key_id: string | null) =>
  gateway.call(ApiKey.resolveAccessKey, { access_key_id: access_key_id ?? '', reply_key: replyKey });

test('a gateway gets signing keys that verify what the secret signs today, sealed to itself; the secret is in no message', async () => {
  const heard: string[] = [];
  const tap = await specConnection('admin');
  tap.subscribe('>', { callback: (_, message) => void heard.push(Buffer.from(message.data).toString('latin1')) });
  await tap.flush();
  const made = await createS3();
  const secret = unseal(sealingKey, made.credentials.secret_access_key?.sealed ?? '', ApiKey.create.subject);
  const reply = await resolve(made.access_key_id);
  await tap.flush();
  await tap.close();
  const sealed = reply.found?.signing_keys?.sealed ?? '';
  const keys = S3SigningKeys.parse(JSON.parse(unseal(sealingKey, sealed, ApiKey.resolveAccessKey.subject)));
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  const wanted = s3SigningKey(Secret.of(secret), today, 'us-east-1').reveal();
  expect(keys.find(({ date }) => date === today)?.key).toBe(wanted);
  expect(heard.join()).toContain(made.access_key_id); // the tap heard what passed
  for (const word of [secret, wanted]) expect(heard.join()).not.toContain(word);
  // Neither another process nor another exchange opens it.
  expect(() => unseal(generateSealingKey(), sealed, ApiKey.resolveAccessKey.subject)).toThrow();
  expect(() => unseal(sealingKey, sealed, ApiKey.create.subject)).toThrow();
});

test.each(['identity', 'client-registry', 'audit', 'guard'] as const)('%s may ask for none of it', async (user) => {
  const bus = await Bus.connect(user as 'identity', specNatsUrl(user as 'identity'));
  const request = { access_key_id: 'AKIA0000000000000000', reply_key: replyKey };
  await expect(bus.call(ApiKey.resolveAccessKey, request)).rejects.toThrow(/may not call/);
  await expect(bus.call(Bucket.resolve, { name: 'reports' })).rejects.toThrow(/may not call/);
  await expect(bus.call(Bucket.listOwned, { organization_id })).rejects.toThrow(/may not call/);
  await bus.close();
});

test('claims and releases need storage:buckets:manage', async () => {
  const less = caller({ permissions: ['storage:buckets:view', 'storage:objects:manage'] });
  await expect(gateway.call(Bucket.claim, { name: 'reports' }, less)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(gateway.call(Bucket.release, { name: 'reports' }, less)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(gateway.call(Bucket.claim, { name: 'Reports' }, caller())).rejects.toMatchObject({
    code: 'invalid_request',
    errors: [expect.objectContaining({ field: 'name' })],
  });
});

test('a release answers when a live enforcer has dropped the bucket, a claim when it asks again', async () => {
  const link = new EnforcerLink<string>(gateway, { id: `gw-${newId('req', new Date())}` });
  const { enforcer } = link;
  const remember = async (name: string) => {
    const { position, bucket } = await gateway.call(Bucket.resolve, { name });
    const record = { authority: 'api-key', at: position, tags: [`bucket:${name}`] } as const;
    return enforcer.remember(name, bucket?.organization_id ?? 'nobody', record, link.now());
  };
  link.start();
  await eventually(() => enforcer.holdsLease('api-key', link.now()));

  expect(await remember('reports')).toBe('kept');
  expect(enforcer.recall('reports', link.now())).toMatchObject({ record: 'nobody' });
  const claimed = await gateway.call(Bucket.claim, { name: 'reports' }, caller());
  expect(claimed).toMatchObject({ outcome: 'claimed', enforcement: { enforcers: 1, acknowledged: 1, fenced: 0 } });
  expect(enforcer.recall('reports', link.now())).toEqual({ outcome: 'none' });

  expect(await remember('reports')).toBe('kept');
  expect(enforcer.recall('reports', link.now())).toMatchObject({ record: organization_id });
  const released = await gateway.call(Bucket.release, { name: 'reports' }, caller());
  expect(released).toMatchObject({ released: true, enforcement: { enforcers: 1, acknowledged: 1, fenced: 0 } });
  expect(enforcer.recall('reports', link.now())).toEqual({ outcome: 'none' });
  await link.stop();
});
