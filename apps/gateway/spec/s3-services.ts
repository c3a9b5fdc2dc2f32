import {
  ApiKey,
  Bucket,
  type Caller,
  Identity,
  newId,
  type Operation,
  Refusal,
  refuseFaults,
  type ResolvedKey,
} from '@portcullis/contracts';
import { s3SigningKey, seal, Secret } from '@portcullis/credentials';
import { randomBytes } from 'node:crypto';
import { type Ask } from '../src/judge/records.js';

/** The S3 form of a key, as whoever made it has it. */
export interface S3Key {
  readonly record: ResolvedKey;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of the secret. */
  expiresAt: string | null;
}

export interface GivenKey {
  readonly organization?: string;
  readonly roles?: readonly string[];
  readonly buckets?: 'all' | string[];
  readonly networks?: string[];
  readonly rate_limit?: ResolvedKey['rate_limit'];
  readonly expires_at?: string;
}

/** api-key and identity as their contracts describe them, for keys in their S3 form and for whose buckets are. */
export class S3Services {
  readonly keys: S3Key[] = [];
  /** Organization by bucket. */
  readonly claims = new Map<string, string>();
  readonly asked: { subject: string; caller: Caller | undefined }[] = [];
  away = false;
  seq = 0;

  constructor(private readonly released: (scope: 'bucket', id: string, effect: 'drop' | 'refresh') => void) {}

  key(given: GivenKey = {}): S3Key {
    const { organization = newId('org', new Date()), roles = ['storage:admin-read-write'] } = given;
    const record: ResolvedKey = {
      id: newId('key', new Date()),
      organization_id: organization,
      owner: { kind: 'user', id: newId('usr', new Date()) },
      client_id: null,
      roles: [...roles],
      permissions: [],
      buckets: given.buckets ?? 'all',
      networks: given.networks ?? null,
      rate_limit: given.rate_limit ?? null,
      status: 'active',
      expires_at: given.expires_at ?? null,
      secrets: [],
    };
    const made: S3Key = {
      record,
      accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      expiresAt: null,
    };
    this.keys.push(made);
    return made;
  }

  readonly ask: Ask = (operation, request, caller) => {
    const parsed = (operation as Operation).request.safeParse(request);
    if (!parsed.success) throw refuseFaults(parsed.error);
    this.asked.push({ subject: operation.subject, caller });
    if (this.away) return Promise.reject(new Refusal('unavailable', 'Nobody answers.'));
    const reply = this.#reply(operation, parsed.data as never, caller);
    return (operation as Operation).reply.parse(reply) as never;
  };

  #reply(operation: Operation, request: Record<string, string>, caller?: Caller): unknown {
    const position = { history: 'spec', seq: this.seq };
    const organization = caller?.principal?.organization_id ?? '';
    const name = request['name'] ?? '';
    const receipt = { enforcers: 1, acknowledged: 1, fenced: 0, elapsed_ms: 1 };
    switch (operation.subject) {
      case ApiKey.resolveAccessKey.subject: {
        const found = this.keys.find(({ accessKeyId }) => accessKeyId === request['access_key_id']);
        return { position, found: found ? this.#resolved(found, request['reply_key'] as unknown as object) : null };
      }
      case Identity.resolvePrincipal.subject: {
        const key = this.keys.find(({ record }) => record.owner.id === request['id']);
        const memberships = key
          ? [{ organization_id: key.record.organization_id, roles: ['owner'], permissions: [] }]
          : [];
        return {
          position,
          principal: { id: request['id'], kind: 'user', status: 'active', password_number: 0, memberships },
        };
      }
      case Bucket.resolve.subject: {
        const owner = this.claims.get(name);
        return { position, bucket: owner === undefined ? null : { name, organization_id: owner } };
      }
      case Bucket.listOwned.subject: {
        const names = [...this.claims]
          .filter(([, owner]) => owner === request['organization_id'])
          .map(([bucket]) => bucket);
        return {
          buckets: names.sort().map((bucket) => ({ name: bucket, created_at: new Date().toISOString() })),
          more: false,
        };
      }
      case Bucket.claim.subject: {
        const owner = this.claims.get(name);
        const bucket = { name, created_at: new Date().toISOString() };
        if (owner !== undefined)
          return { outcome: owner === organization ? 'owned' : 'taken', bucket: null, enforcement: null };
        this.claims.set(name, organization);
        this.released('bucket', name, 'refresh');
        return { outcome: 'claimed', bucket, enforcement: receipt };
      }
      case Bucket.release.subject: {
        if (this.claims.get(name) !== organization) throw new Refusal('not_found', 'Not yours.');
        this.claims.delete(name);
        this.released('bucket', name, 'drop');
        return { name, released: true, enforcement: receipt };
      }
      default:
        throw new Refusal('unavailable', `Nobody answers ${operation.subject}.`);
    }
  }

  #resolved({ record, secretAccessKey, expiresAt }: S3Key, replyKey: object) {
    const days = Array.from({ length: 9 }, (_, back) => new Date(Date.now() + 86_400_000 - back * 86_400_000));
    const keys = days.map((day) => {
      const date = day.toISOString().slice(0, 10).replaceAll('-', '');
      return { date, key: s3SigningKey(Secret.of(secretAccessKey), date, 'us-east-1').reveal() };
    });
    const context = ApiKey.resolveAccessKey.subject;
    return {
      key: { ...record },
      secret_id: 'sec_spec',
      generation: 1,
      expires_at: expiresAt,
      signing_keys: record.status === 'active' ? { sealed: seal(replyKey, JSON.stringify(keys), context) } : null,
    };
  }
}
