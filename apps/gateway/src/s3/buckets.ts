import { isBucketName } from '@portcullis/authz';
import {
  Bucket,
  type Caller,
  type EnforcementReceipt,
  type Operation,
  Refusal,
  type ReplyOf,
} from '@portcullis/contracts';
import { S3Fault } from '@portcullis/credentials';
import { upstreamError } from './answers.js';
import { checkedDocument } from './documents.js';
import { bucketAlreadyExists, noSuchBucket } from './error-document.js';
import { type HeaderList } from './headers.js';
import { type ListedBucket, readBucketList } from './list-buckets.js';
import { type S3Upstream, type S3UpstreamReply } from './upstream.js';
import { XmlFault } from './xml.js';

export interface S3BucketsParts {
  readonly upstream: S3Upstream;
  /** The region that clients sign for. */
  readonly region: string;
  readonly policyBuckets: () => ReadonlyMap<string, string>;
  /** Asks a service on a caller's behalf. */
  ask(operation: Operation, request: Record<string, unknown>, caller: Caller): Promise<unknown>;
  /** See `Judge.bucketOwner`. */
  ownerOf(name: string): Promise<string | null>;
  /** `Bucket.listOwned`, all of it. */
  namesOf(organizationId: string): Promise<readonly string[]>;
}

/** For whom a bucket is made or ended, and whose it is by now. */
export interface BucketOrder {
  readonly name: string;
  readonly organizationId: string;
  readonly owner: string | null;
  readonly caller: Caller;
}

/** How far an upstream's list of buckets is followed. */
const maxPages = 100;

/**
 * Buckets as organizations have them: each name is one's, by the policy or by api-key's record. What was at the upstream before
 * anybody claimed it is nobody's, and cannot be claimed: else a key that may make buckets would read what it never wrote.
 */
export class S3Buckets {
  constructor(private readonly parts: S3BucketsParts) {}

  /** What the organization has that is there. */
  async list(organizationId: string): Promise<ListedBucket[]> {
    const byPolicy = this.parts.policyBuckets();
    const claimed = (await this.parts.namesOf(organizationId)).filter((name) => !byPolicy.has(name));
    const given = [...byPolicy].flatMap(([name, owner]) => (owner === organizationId ? [name] : []));
    const names = new Set([...claimed, ...given]);
    if (names.size === 0) return [];
    return (await this.#upstreamList()).filter(({ name }) => names.has(name));
  }

  /**
   * Makes a bucket. What the upstream answered. Throws `S3Fault`, `BucketAlreadyExists` among them, and what the claim is refused with.
   * @param order.headers and `document` as the client sent them, checked
   */
  async create(
    order: BucketOrder & {
      readonly headers?: HeaderList;
      readonly document?: Buffer;
      /** A bucket that the organization has is refused here, unless this very caller made it by the same `Idempotency-Key`. */
      readonly demandsNew?: boolean;
    },
  ): Promise<{ reply: S3UpstreamReply; createdAt: string | undefined }> {
    const { name, organizationId, owner, caller, headers = [], document = Buffer.alloc(0), demandsNew } = order;
    const { upstream, region } = this.parts;
    const body = checkedDocument({ name: 'CreateBucket' } as never, document, {
      own: region,
      upstream: upstream.region,
    });
    if (owner !== null && owner !== organizationId) throw bucketAlreadyExists();
    let isNew = false;
    let createdAt: string | undefined;
    if (owner === organizationId && demandsNew) {
      const again = caller.request.idempotency_key === null ? undefined : await this.#claim(name, caller);
      if (again?.outcome !== 'claimed') {
        throw new S3Fault('BucketAlreadyOwnedByYou', 'bucket_owned', 'Your organization has this bucket already.');
      }
      createdAt = again.bucket?.created_at;
    }
    if (owner === null) {
      if (!isBucketName(name)) throw new S3Fault('InvalidBucketName', 'bucket_name', bucketNameMessage);
      await this.#demandFree(name);
      const { outcome, bucket } = await this.#claim(name, caller);
      if (outcome === 'taken') throw bucketAlreadyExists();
      isNew = outcome === 'claimed';
      createdAt = bucket?.created_at;
      // Under an Idempotency-Key that is the first answer, of a bucket that may have been given back since.
      if (caller.request.idempotency_key !== null && (await this.parts.ownerOf(name)) !== organizationId)
        throw bucketAlreadyExists();
    }
    const reply = await upstream.exchange({
      method: 'PUT',
      path: `/${name}`,
      headers: [...headers, ...body.headers],
      body: body.bytes.length === 0 ? { kind: 'none' } : { kind: 'whole', bytes: body.bytes },
    });
    // Without an answer, or with one that says nothing about the bucket, it may be there: the claim stays, and trying again goes on.
    if (isNew && reply.status >= 400 && reply.status < 500) await this.#release(name, caller);
    // While it was made, a deletion of the organization's own may have given the name back.
    if (reply.status < 300 && (await this.#claim(name, asNew(caller))).outcome === 'taken') throw bucketAlreadyExists();
    return { reply, createdAt };
  }

  /** Ends a bucket of the organization. The upstream's answer; once it is gone there, and free for others, the receipt of that too. */
  async remove({
    name,
    organizationId,
    owner,
    caller,
  }: BucketOrder): Promise<{ reply: S3UpstreamReply; enforcement: EnforcementReceipt | null }> {
    if (owner !== organizationId) throw noSuchBucket();
    const reply = await this.parts.upstream.exchange({ method: 'DELETE', path: `/${name}` });
    // Gone already: a deletion whose answer was lost, or that was not confirmed, is finished by being repeated.
    const isGone = reply.status < 300 || reply.status === 404;
    if (!isGone) return { reply, enforcement: null };
    try {
      const ended = await this.#release(name, caller);
      return { reply: ended.released ? { ...reply, status: 204 } : reply, enforcement: ended.enforcement };
    } catch (error) {
      // Another deletion of the same bucket was first.
      if (!(error instanceof Refusal) || error.code !== 'not_found') throw error;
      return { reply, enforcement: null };
    }
  }

  /**
   * Gives a name back, unless the bucket is there after all: somebody of the organization made it again just then, and what nobody owns
   * nobody could open or take. Between this and a creation, which claims once more at its end, one of the two sees the other.
   */
  async #release(name: string, caller: Caller): Promise<ReplyOf<typeof Bucket.release>> {
    const ended = (await this.parts.ask(Bucket.release, { name }, caller)) as ReplyOf<typeof Bucket.release>;
    if (!ended.released) return ended;
    const { status } = await this.parts.upstream.exchange({ method: 'HEAD', path: `/${name}` });
    if (status < 300) await this.#claim(name, asNew(caller));
    return ended;
  }

  async #claim(name: string, caller: Caller): Promise<ReplyOf<typeof Bucket.claim>> {
    return (await this.parts.ask(Bucket.claim, { name }, caller)) as ReplyOf<typeof Bucket.claim>;
  }

  /** Nobody may take over what was at the upstream before. Anything but a plain 404 may be somebody's bucket. */
  async #demandFree(name: string): Promise<void> {
    const { status } = await this.parts.upstream.exchange({ method: 'HEAD', path: `/${name}` });
    if (status === 404) return;
    // A HEAD does not say what was refused: the bucket, which is another account's then, or we.
    if (status === 401 || status === 403) await this.#demandCredentials(name);
    if (status < 500 && status !== 400) throw bucketAlreadyExists();
    if (status === 400) throw new S3Fault('InvalidBucketName', 'bucket_name', bucketNameMessage);
    throw new S3Fault(
      'ServiceUnavailable',
      'upstream_error',
      'The storage behind the gateway has a fault. Try again shortly.',
    );
  }

  async #demandCredentials(name: string): Promise<void> {
    const query = [['location', '']] as const;
    const { status, body } = await this.parts.upstream.exchange({ method: 'GET', path: `/${name}`, query });
    if (status < 400) return;
    const error = upstreamError(status, body, { hasKey: false });
    if (error instanceof S3Fault) throw error;
  }

  async #upstreamList(): Promise<ListedBucket[]> {
    const all: ListedBucket[] = [];
    let next: string | undefined;
    for (let page = 0; page < maxPages; page++) {
      const query = next === undefined ? [] : ([['continuation-token', next]] as const);
      const { status, body } = await this.parts.upstream.exchange({ method: 'GET', path: '/', query });
      if (status !== 200) throw unreadable();
      try {
        const read = readBucketList(body);
        all.push(...read.buckets);
        next = read.next;
      } catch (error) {
        if (error instanceof XmlFault) throw unreadable();
        throw error;
      }
      if (next === undefined) return all;
    }
    throw unreadable();
  }
}

/** Not the repetition of an answer that was given before. */
const asNew = (caller: Caller): Caller => ({ ...caller, request: { ...caller.request, idempotency_key: null } });

export const bucketNameMessage =
  'A bucket name has 3 to 63 lower-case letters, digits, dots and hyphens, and is no IP address.';

const unreadable = (): S3Fault =>
  new S3Fault(
    'InternalError',
    'upstream_answer',
    'The storage behind the gateway did not answer with its list of buckets.',
  );
