import { describe, expect, test } from '@jest/globals';
import { allows } from '@portcullis/authz';
import { loadPolicy } from '@portcullis/policy';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { operationOf, s3Operations } from './operations.js';

const policyPath = join(mkdtempSync(join(tmpdir(), 'operations-spec-')), 'policy.yaml');
writeFileSync(policyPath, 'version: 1\n');
const loaded = await loadPolicy(policyPath);
if (!('policy' in loaded)) throw new Error('the shipped catalogue must compile');
const { lattice } = loaded.policy;

/** Admin rw, admin ro, object rw, object ro: as API.md section 6 has them. */
const levels = ['admin-read-write', 'admin-read-only', 'object-read-write', 'object-read-only'].map((level) =>
  lattice.grantKnown({ roles: [`storage:${level}`], permissions: [], buckets: ['mine'] }),
);
const table: Readonly<Record<string, string>> = {
  'list buckets, read bucket configuration': 'yes yes no no',
  'create or delete bucket, write bucket configuration': 'yes no no no',
  'head bucket, list, get, head objects, list parts': 'yes yes own own',
  'put, copy, delete objects, multipart': 'yes no own no',
};

/** Every operation that is offered, by the row of that table. Written out: what the door knows is compared with it. */
const rows: Readonly<Record<string, string>> = {
  'list buckets, read bucket configuration': `ListBuckets GetBucketLocation GetBucketAcl GetBucketAccelerateConfiguration
    GetBucketCors GetBucketEncryption GetBucketLifecycleConfiguration GetBucketLogging GetObjectLockConfiguration
    GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus GetPublicAccessBlock GetBucketReplication
    GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetObjectAcl GetObjectRetention
    GetObjectLegalHold`,
  'create or delete bucket, write bucket configuration': `CreateBucket DeleteBucket PutBucketAcl
    PutBucketAccelerateConfiguration PutBucketCors DeleteBucketCors PutBucketEncryption DeleteBucketEncryption
    PutBucketLifecycleConfiguration DeleteBucketLifecycle PutBucketLogging PutObjectLockConfiguration
    PutBucketOwnershipControls DeleteBucketOwnershipControls PutBucketPolicy DeleteBucketPolicy PutPublicAccessBlock
    DeletePublicAccessBlock PutBucketReplication DeleteBucketReplication PutBucketRequestPayment PutBucketTagging
    DeleteBucketTagging PutBucketVersioning PutBucketWebsite DeleteBucketWebsite PutObjectTagging DeleteObjectTagging
    PutObjectAcl PutObjectRetention PutObjectLegalHold RestoreObject`,
  'head bucket, list, get, head objects, list parts': `HeadBucket ListObjects ListObjectsV2 ListObjectVersions
    ListMultipartUploads GetObject HeadObject GetObjectAttributes ListParts GetObjectTagging`,
  'put, copy, delete objects, multipart': `PutObject CopyObject DeleteObject DeleteObjects CreateMultipartUpload UploadPart
    UploadPartCopy CompleteMultipartUpload AbortMultipartUpload`,
};

const named = (text: string): string[] => text.split(/\s+/).filter((name) => name !== '');
const offered = s3Operations.filter(({ permission }) => permission !== null);
const parametersOf = (by: string): string[] => by.split(' ').filter((name) => name !== '' && name !== '+copy');
const request = ({ method, resource, by }: (typeof s3Operations)[number], more: string[] = []) => ({
  method,
  resource,
  parameters: [...parametersOf(by), ...more],
  copies: by.split(' ').includes('+copy'),
});

test('every operation that is offered has a level, and every level’s operations are offered', () => {
  const levelled = Object.values(rows).flatMap(named);
  expect([...new Set(offered.map(({ name }) => name))].sort()).toEqual([...levelled].sort());
});

const cases = Object.entries(rows).flatMap(([row, names]) => named(names).map((name) => [name, row] as const));
test.each(cases)('%s is for whom the row "%s" says', (name, row) => {
  const expected = table[row]!.split(' ');
  for (const written of offered.filter((each) => each.name === name)) {
    const { permission } = operationOf(request(written));
    const index = lattice.permissionIndex(permission);
    for (const [at, grant] of levels.entries()) {
      const [own, others] = ['mine', 'theirs'].map((bucket) => allows(grant, index, bucket));
      // A bucket list does not narrow what is not bound to buckets: admins have all.
      expect([at, own]).toEqual([at, expected[at] !== 'no']);
      if (expected[at] === 'own') expect([at, others]).toEqual([at, false]);
      if (expected[at] === 'no') expect([at, others]).toEqual([at, false]);
    }
  }
});

describe('nothing is taken for another operation', () => {
  test.each(s3Operations.filter(({ permission }) => permission === null))('$name is refused by its name', (row) => {
    expect(() => operationOf(request(row))).toThrow(
      expect.objectContaining({ code: 'NotImplemented', message: `${row.name} is not offered here.` }),
    );
  });

  const selectors = [...new Set(s3Operations.flatMap(({ by }) => parametersOf(by)))];
  test('no two operations are recognised by the same', () => {
    const keys = s3Operations.map(({ method, resource, by }) => `${method} ${resource} ${by}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('every operation with one subresource more is another that is known, or refused', () => {
    let refused = 0;
    for (const row of offered) {
      for (const more of selectors) {
        const by = [...row.by.split(' ').filter((name) => name !== ''), more].sort().join(' ');
        const known = s3Operations.find(
          (each) => each.method === row.method && each.resource === row.resource && each.by === by,
        );
        if (known || parametersOf(row.by).includes(more)) continue;
        expect(() => operationOf(request(row, [more]))).toThrow(expect.objectContaining({ code: 'NotImplemented' }));
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(1_000);
  });

  test.each(['nonsense', 'Acl', 'ACL', 'x-amz-acl', '', 'versionid', 'prefix '])(
    'the parameter "%s" is refused',
    (name) => {
      for (const row of offered) {
        expect(() => operationOf(request(row, [name]))).toThrow(expect.objectContaining({ code: 'NotImplemented' }));
      }
    },
  );

  test('a method is what it is', () => {
    for (const method of ['PATCH', 'get', 'OPTIONS', 'TRACE', 'PROPFIND', '']) {
      const asked = { method, resource: 'object' as const, parameters: [], copies: false };
      expect(() => operationOf(asked)).toThrow(expect.objectContaining({ code: 'MethodNotAllowed' }));
    }
  });
});
