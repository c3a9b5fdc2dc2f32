import { Test } from '@nestjs/testing';
import { ApiKey, Bucket, type Operation, type RequestInputOf } from '@portcullis/contracts';
import { generateSealingKey, KeyEncryption, publicSealingJwk, unseal } from '@portcullis/credentials';
import { PolicyFile } from '@portcullis/policy';
import { specHouse } from '@portcullis/testing';
import { apiKeyDatabase, ApiKeyModule } from '../src/api-key.module.js';
import { ClaimBucket } from '../src/buckets/claim-bucket.js';
import { ConfirmBucketChange } from '../src/buckets/confirm-bucket-change.js';
import { ReadBuckets } from '../src/buckets/read-buckets.js';
import { ReleaseBucket } from '../src/buckets/release-bucket.js';
import { ConfirmKeyChange } from '../src/confirm-key-change.js';
import { DisableKey } from '../src/disable-key.js';
import { FindLeaked } from '../src/find-leaked.js';
import { ImportKeys } from '../src/import-keys.js';
import { IssueKey } from '../src/issue-key.js';
import { ReadKeys } from '../src/read-keys.js';
import { RevokeKey } from '../src/revoke-key.js';
import { RotateKey } from '../src/rotate-key.js';
import { ResolveAccessKey } from '../src/s3/resolve-access-key.js';
import { type S3Settings } from '../src/s3/s3-settings.js';
import { UpdateKey } from '../src/update-key.js';

const sealingKey = generateSealingKey();

/** What the houses keep S3 secrets under, the older first. */
export const [firstKeyEncryptionKey, nextKeyEncryptionKey] = [
  'q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=',
  'Jm3vQ8sXn1Lw6TzRb9Kc2Hd7Fy4Gp5Va0UeOiBtMxWs=',
] as const;
export const objectStorage: S3Settings = {
  publicUrl: 'http://127.0.0.1:9000',
  region: 'us-east-1',
  encryption: KeyEncryption.parse(firstKeyEncryptionKey),
};

/** The service's use-cases on a real database and with a clock that stands; requests are read as its handlers read them. */
export async function openKeyHouse({
  s3 = objectStorage,
  policyPath = new URL('../../../config/policy.yaml', import.meta.url).pathname,
}: { s3?: S3Settings; policyPath?: string } = {}) {
  const policy = await PolicyFile.open(policyPath);
  const { kty, crv, x } = publicSealingJwk(sealingKey);
  const house = await specHouse(apiKeyDatabase, {
    permissions: () => {
      const { lattice } = policy.current;
      return lattice.names(lattice.grant({ roles: ['owner'], buckets: 'all' }));
    },
    replyKey: { kty, crv, x },
  });
  const { bus, database, authority, organization_id, owner, read } = house;
  const module = await Test.createTestingModule({
    imports: [
      ApiKeyModule.of({ bus, database, policy, authority, keyPrefix: 'ptc', acceptedPrefixes: ['old_ptc'], s3 }),
    ],
  }).compile();

  return {
    ...house,
    ...{ module, policy },
    create: (given: Partial<RequestInputOf<typeof ApiKey.create>> = {}, caller = owner()) =>
      module.get(IssueKey).execute(caller, read(ApiKey.create, { name: 'ci', roles: ['observer'], ...given })),
    update: (request: RequestInputOf<typeof ApiKey.update>, caller = owner()) =>
      module.get(UpdateKey).execute(caller, read(ApiKey.update, request)),
    rotate: (id: string, overlap_seconds: number, caller = owner()) =>
      module.get(RotateKey).execute(caller, read(ApiKey.rotate, { id, overlap_seconds })),
    disable: (id: string, caller = owner()) => module.get(DisableKey).disable(caller, { id }),
    enable: (id: string, caller = owner()) => module.get(DisableKey).enable(caller, { id }),
    revoke: (id: string, caller = owner()) => module.get(RevokeKey).execute(caller, { id }),
    import: (keys: RequestInputOf<typeof ApiKey.import>['keys'], caller = owner()) =>
      module.get(ImportKeys).execute(caller, read(ApiKey.import, { keys })),
    leaks: (request: RequestInputOf<typeof ApiKey.findLeaked>, caller = owner()) =>
      module.get(FindLeaked).execute(caller, read(ApiKey.findLeaked, request)),
    list: (request: RequestInputOf<typeof ApiKey.list> = {}, caller = owner()) =>
      module.get(ReadKeys).list(caller, read(ApiKey.list, request)),
    /** What runs now and then beside the handlers. */
    finish: () => module.get(ConfirmKeyChange).finish({ afterSeconds: 20, limit: 100 }),
    one: (id: string) => module.get(ReadKeys).one(owner(), { id }),
    resolve: async (request: RequestInputOf<typeof ApiKey.resolve>) =>
      (await module.get(ReadKeys).resolve(read(ApiKey.resolve, request))).key,
    prefixes: async () => (await module.get(ImportKeys).foreignPrefixes()).prefixes,
    resolveAccessKey: async (access_key_id: string) => {
      const request = read(ApiKey.resolveAccessKey, { access_key_id, reply_key: { kty, crv, x } });
      return (await module.get(ResolveAccessKey).execute(request)).found;
    },
    claim: (name: string, caller = owner()) => module.get(ClaimBucket).execute(caller, read(Bucket.claim, { name })),
    release: (name: string, caller = owner()) =>
      module.get(ReleaseBucket).execute(caller, read(Bucket.release, { name })),
    bucket: async (name: string) => (await module.get(ReadBuckets).resolve({ name })).bucket,
    owned: (request: Partial<RequestInputOf<typeof Bucket.listOwned>> = {}) =>
      module.get(ReadBuckets).owned(read(Bucket.listOwned, { organization_id, ...request })),
    finishBuckets: () => module.get(ConfirmBucketChange).finish({ afterSeconds: 20, limit: 100 }),
    /** A secret as the gateway would show it. */
    opened: (sealed: { sealed: string } | undefined, operation: Operation) =>
      unseal(sealingKey, sealed?.sealed ?? '', operation.subject),
    close: async (): Promise<void> => {
      await module.close();
      await policy.close();
      await house.close();
    },
  };
}

export type KeyHouse = Awaited<ReturnType<typeof openKeyHouse>>;
