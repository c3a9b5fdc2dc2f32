import { Bucket, BucketName, EnforcementReceipt, Page, pageRequest, Refusal, Time } from '@portcullis/contracts';
import { S3Fault } from '@portcullis/credentials';
import { z } from 'zod';
import { upstreamError } from '../s3/answers.js';
import { type S3Buckets } from '../s3/buckets.js';
import { refusalOfFault } from '../s3/faults.js';
import { type ListedBucket, nameOfCursor, pageOf } from '../s3/list-buckets.js';
import { type S3UpstreamReply } from '../s3/upstream.js';
import { httpInputOf, readInput } from './http-input.js';
import { type ControlCall, type ControlRoute, ownRoute, type RouteParts } from './route.js';

const tag = 'Object storage';
const path = '/v1/storage/buckets';

/** What the routes here answer from. */
export interface StorageParts {
  readonly buckets: S3Buckets;
  /** Whose a bucket is; null: nobody's. Refuses with `unavailable`. */
  ownerOf(bucket: string): Promise<string | null>;
}

const StoredBucket = z.object({ name: z.string(), created_at: Time });

const listInput = httpInputOf(z.strictObject(pageRequest), 'GET', path);
const createInput = httpInputOf(z.strictObject({ name: BucketName }), 'POST', path);
const oneInput = httpInputOf(z.strictObject({ name: z.string().max(255) }), 'GET', `${path}/:name`);

/** Where no storage is configured there is nothing to ask for. */
const isThere = ({ storage }: RouteParts): Promise<boolean> => Promise.resolve(storage !== null);

/** Buckets for whoever speaks no S3: the same rules, by the same table, as on the S3 port. */
export const storageRoutes: readonly ControlRoute[] = [
  ownRoute({
    method: 'GET',
    path,
    tag,
    summary: 'The buckets of your organization, by name',
    access: { public: false, permission: 'storage:buckets:view' },
    input: listInput,
    reply: Page(StoredBucket),
    isThere,
    answer: async (call, parts) => {
      const read = readInput(listInput, { path: call.path, query: call.query, body: {} });
      const { limit, cursor } = z.object(pageRequest).parse(read);
      const after = cursor === undefined ? undefined : nameOfCursor(cursor);
      if (after === null) throw new Refusal('invalid_cursor', 'The cursor is not one of ours. Begin without one.');
      const { storage, organizationId } = at(call, parts);
      const { buckets, next } = pageOf(await orRefuse(storage.buckets.list(organizationId)), { after, limit });
      return { status: 200, body: { items: buckets.map(shown), next_cursor: next } };
    },
  }),
  ownRoute({
    method: 'POST',
    path,
    tag,
    summary: 'Make a bucket; it is your organization’s from then on',
    access: { public: false, permission: Bucket.claim.permission },
    status: 201,
    input: createInput,
    reply: StoredBucket,
    idempotent: true,
    isThere,
    example: { name: 'reports' },
    answer: async (call, parts) => {
      const read = readInput(createInput, { path: call.path, query: call.query, body: await call.body() });
      const { name } = createInput.schema.parse(read) as { name: string };
      const { storage, organizationId } = at(call, parts);
      const caller = call.caller({ idempotent: true });
      const owner = await storage.ownerOf(name);
      const { reply, createdAt } = await orRefuse(
        storage.buckets.create({ name, organizationId, owner, caller, demandsNew: true }),
      );
      demandDone(reply);
      return { status: 201, body: { name, created_at: createdAt ?? new Date().toISOString() } };
    },
  }),
  ownRoute({
    method: 'GET',
    path: `${path}/:name`,
    tag,
    summary: 'One bucket (storage:objects:view on it)',
    access: { public: false, permission: null },
    input: oneInput,
    reply: StoredBucket,
    isThere,
    answer: async (call, parts) => {
      const { name } = readInput(oneInput, { path: call.path, query: call.query, body: {} }) as { name: string };
      const { storage, organizationId } = at(call, parts);
      if (!mayLookInto(call, name)) {
        throw new Refusal('forbidden', 'This needs the permission storage:objects:view on this bucket.');
      }
      const isOurs = (await storage.ownerOf(name)) === organizationId;
      const listed = isOurs ? await orRefuse(storage.buckets.list(organizationId)) : [];
      const found = listed.find((bucket) => bucket.name === name);
      if (!found) throw new Refusal('not_found', 'There is no such bucket.');
      return { status: 200, body: shown(found) };
    },
  }),
  ownRoute({
    method: 'DELETE',
    path: `${path}/:name`,
    tag,
    summary: 'Delete an empty bucket; answers when its name is free everywhere',
    access: { public: false, permission: Bucket.release.permission },
    input: { ...oneInput },
    reply: z.object({ name: z.string(), enforcement: EnforcementReceipt.nullable() }),
    isThere,
    answer: async (call, parts) => {
      const { name } = readInput(oneInput, { path: call.path, query: call.query, body: {} }) as { name: string };
      const { storage, organizationId } = at(call, parts);
      const caller = call.caller({ idempotent: false });
      const owner = await storage.ownerOf(name);
      const { reply, enforcement } = await orRefuse(storage.buckets.remove({ name, organizationId, owner, caller }));
      demandDone(reply);
      return { status: 200, body: { name, enforcement } };
    },
  }),
];

function at({ principal }: ControlCall, { storage }: RouteParts): { storage: StorageParts; organizationId: string } {
  if (!storage) throw new Refusal('not_found', 'There is no such thing here.');
  const organizationId = principal?.organization_id ?? null;
  if (organizationId === null)
    throw new Refusal(
      'organization_required',
      'You belong to several organizations. Say which with the header X-Org-ID.',
    );
  return { storage, organizationId };
}

/** As HeadBucket at the S3 port. The list of a principal is what all of its permissions have in common: never more than is held. */
function mayLookInto({ principal }: ControlCall, bucket: string): boolean {
  if (!principal?.permissions.includes('storage:objects:view')) return false;
  const { buckets = 'all' } = principal.resources;
  return buckets === 'all' || buckets.includes(bucket);
}

const shown = ({ name, createdAt }: ListedBucket) => {
  const time = new Date(createdAt);
  return { name, created_at: (Number.isNaN(time.getTime()) ? new Date(0) : time).toISOString() };
};

async function orRefuse<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof S3Fault ? refusalOfFault(error) : error;
  }
}

function demandDone({ status, body }: S3UpstreamReply): void {
  if (status < 300) return;
  const error = upstreamError(status, body, { hasKey: false });
  throw refusalOfFault(error);
}
