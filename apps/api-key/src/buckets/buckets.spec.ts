import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bucket, newId } from '@portcullis/contracts';
import { eventually } from '@portcullis/testing';
import { type KeyHouse, openKeyHouse } from '../../spec/key-house.js';

const folder = mkdtempSync(join(tmpdir(), 'portcullis-buckets-'));
const [named, stranger] = [newId('org', new Date()), newId('org', new Date())];
const policyPath = join(folder, 'policy.yaml');
writeFileSync(policyPath, `version: 1\nstorage: { buckets: { legacy: ${named} } }\n`);

let house: KeyHouse;
beforeAll(async () => (house = await openKeyHouse({ policyPath })));
afterAll(async () => {
  await house.close();
  rmSync(folder, { recursive: true });
});

const of = (organization_id: string, idempotencyKey?: string) => house.owner({ organization_id }, idempotencyKey);
const actions = async (name: string) => (await house.events(name)).map(({ action }) => action);
/** As if the process that made all changes until now had died before it could confirm them, a while ago. */
const forgetConfirmations = () =>
  house.database.read(async (manager) => {
    await manager.query('update bucket set enforced_at = null');
    await manager.query(`update marker set created_at = now() - interval '1 minute'`);
  });
/** A release that was committed, and whose process died there. */
const releasedAndLeft = async (name: string) => {
  await house.claim(name);
  await house.database.transaction(async (tx) => {
    const seq = await tx.mark({ scope: 'bucket', id: name, effect: 'drop' });
    await tx.manager.query('update bucket set released_at = now(), seq = $2, enforced_at = null where name = $1', [
      name,
      seq,
    ]);
  });
};

describe('a claim', () => {
  test('makes a name the organization’s, and every gateway knows when it answers', async () => {
    const claimed = await house.claim('reports');
    expect(claimed).toEqual({
      outcome: 'claimed',
      bucket: { name: 'reports', created_at: house.clock.now.toISOString() },
      enforcement: expect.objectContaining({ enforcers: 0 }) as unknown,
    });
    expect(await house.bucket('reports')).toEqual({ name: 'reports', organization_id: house.organization_id });
    expect(await house.markers('reports')).toEqual([{ effect: 'refresh' }]);
    expect(await house.claim('reports')).toEqual({ outcome: 'owned', bucket: claimed.bucket, enforcement: null });
    expect(await house.claim('reports', of(stranger))).toEqual({ outcome: 'taken', bucket: null, enforcement: null });
    expect(await actions('reports')).toEqual(['bucket.claimed']);
  });

  test('by many at once is had by one', async () => {
    const organizations = Array.from({ length: 8 }, () => newId('org', new Date()));
    const outcomes = await Promise.all(organizations.map((id) => house.claim('wanted', of(id))));
    const winners = organizations.filter((_, n) => outcomes[n]?.outcome === 'claimed');
    expect(winners).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'taken')).toHaveLength(7);
    expect((await house.bucket('wanted'))?.organization_id).toBe(winners[0]);
  });

  test('under one Idempotency-Key answers like the first', async () => {
    const first = await house.claim('again', house.owner({ id: 'usr_1' }, 'claim'));
    const repeat = await house.claim('again', house.owner({ id: 'usr_1' }, 'claim'));
    expect(repeat).toEqual({ ...first, enforcement: expect.anything() as unknown });
    expect(await actions('again')).toEqual(['bucket.claimed']);
  });

  test('that could not be confirmed is confirmed by its repeat', async () => {
    await house.claim('slow');
    await forgetConfirmations();
    expect(await house.claim('slow')).toMatchObject({ outcome: 'owned', enforcement: { enforcers: 0 } });
    expect(await house.claim('slow')).toMatchObject({ outcome: 'owned', enforcement: null });
  });

  test.each([
    'ab',
    'x'.repeat(64),
    'Reports',
    'a_b',
    'a..b',
    '.ab',
    'ab.',
    '-ab',
    'ab-',
    'a.-b',
    '10.0.0.1',
    'a/b',
    '',
  ])('of %j is none: it names no bucket', (name) => {
    expect(Bucket.claim.request.safeParse({ name }).success).toBe(false);
  });
  test.each(['abc', 'a-b.c-d', '1.2.3.4.5', '123', 'x'.repeat(63)])('of %s is one', (name) => {
    expect(Bucket.claim.request.safeParse({ name }).success).toBe(true);
  });
});

describe('a release', () => {
  test('is a revocation with its receipt; then the name is anybody’s', async () => {
    await house.claim('old');
    const released = await house.release('old');
    expect(released).toEqual({
      name: 'old',
      released: true,
      enforcement: expect.objectContaining({ enforcers: 0 }) as unknown,
    });
    expect(await house.bucket('old')).toBeNull();
    expect((await house.markers('old')).map(({ effect }) => effect)).toEqual(['refresh', 'drop']);
    expect(await actions('old')).toEqual(['bucket.claimed', 'bucket.released', 'revocation.enforced']);
    expect(await house.claim('old', of(stranger))).toMatchObject({ outcome: 'claimed' });
    await expect(house.release('old')).rejects.toMatchObject({ code: 'not_found' });
    expect((await house.bucket('old'))?.organization_id).toBe(stranger);
  });

  test('of a name that is another’s, nobody’s or none is not found, and the same words say so', async () => {
    await house.claim('theirs', of(stranger));
    const refusals = await Promise.all(
      ['theirs', 'nobodys', 'legacy', '../etc', ''].map((name) => house.release(name).catch((error: unknown) => error)),
    );
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: 'not_found' });
      expect(refusal).toEqual(refusals[0]);
    }
  });

  test('under one Idempotency-Key answers like the first, even when the name has another owner since', async () => {
    const caller = () => house.owner({ id: 'usr_1' }, 'release');
    await house.claim('passed-on');
    const first = await house.release('passed-on', caller());
    await house.claim('passed-on', of(stranger));
    expect(await house.release('passed-on', caller())).toEqual({ ...first, enforcement: expect.anything() as unknown });
    expect((await house.bucket('passed-on'))?.organization_id).toBe(stranger);
  });

  test('whose process died before it was confirmed is finished by another, once', async () => {
    await releasedAndLeft('left');
    await house.finishBuckets(); // too early: it is for its own process to confirm
    expect(await actions('left')).not.toContain('revocation.enforced');
    await forgetConfirmations();
    await Promise.all([house.finishBuckets(), house.finishBuckets()]);
    expect((await actions('left')).filter((action) => action === 'revocation.enforced')).toHaveLength(1);
    const rows = await house.database.read((manager) =>
      manager.query<object[]>(`select * from bucket where name = 'left' or enforced_at is null`),
    );
    expect(rows).toEqual([]);
  });

  test('that is not confirmed lets nobody in, and the next claim waits for it', async () => {
    await releasedAndLeft('between');
    expect(await house.bucket('between')).toBeNull();
    expect(await house.claim('between', of(stranger, 'between'))).toMatchObject({ outcome: 'claimed' });
    expect((await house.bucket('between'))?.organization_id).toBe(stranger);
    expect(await actions('between')).toEqual(['bucket.claimed', 'revocation.enforced', 'bucket.claimed']);
  });

  test('is confirmed again by its repeat', async () => {
    await releasedAndLeft('repeated');
    expect(await house.release('repeated')).toMatchObject({ released: true, enforcement: { enforcers: 0 } });
    await expect(house.release('repeated')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a bucket that the policy names', () => {
  test('is its organization’s, whatever anybody claims', async () => {
    expect(await house.claim('legacy')).toEqual({ outcome: 'taken', bucket: null, enforcement: null });
    expect(await house.claim('legacy', of(named))).toEqual({ outcome: 'owned', bucket: null, enforcement: null });
    expect(await house.bucket('legacy')).toBeNull();
    expect(await house.release('legacy', of(named))).toEqual({ name: 'legacy', released: false, enforcement: null });
  });

  test('is taken from who had claimed it before, as soon as an edit says so', async () => {
    await house.claim('moved');
    writeFileSync(policyPath, `version: 1\nstorage: { buckets: { legacy: ${named}, moved: ${named} } }\n`);
    await eventually(() => (house.policy.current.storage.buckets.has('moved') ? true : undefined));
    expect(await house.claim('moved')).toMatchObject({ outcome: 'taken' });
    await expect(house.release('moved')).rejects.toMatchObject({ code: 'not_found' });
    expect(await house.claim('moved', of(named))).toMatchObject({ outcome: 'owned' });
  });
});

test('what an organization has claimed is listed by name, a page at a time, and nothing of another’s', async () => {
  const organization_id = newId('org', new Date());
  for (const name of ['b-2', 'b.1', 'b11', 'zzz', 'aaa']) await house.claim(name, of(organization_id));
  await house.release('zzz', of(organization_id));
  const first = await house.owned({ organization_id, limit: 3 });
  expect(first.buckets.map(({ name }) => name)).toEqual(['aaa', 'b-2', 'b.1']);
  expect(first.more).toBe(true);
  const second = await house.owned({ organization_id, limit: 3, after: 'b.1' });
  expect([second.buckets.map(({ name }) => name), second.more]).toEqual([['b11'], false]);
});
