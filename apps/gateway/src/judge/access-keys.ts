import { type RequestRecords, type Stop } from '@portcullis/bus';
import { ApiKey, Bucket, type Caller, Refusal, S3SigningKeys, type Sealed } from '@portcullis/contracts';
import { type S3Signature, Secret } from '@portcullis/credentials';
import { tag } from '@portcullis/enforcement';
import { notValid } from '../credential/presented.js';
import { type Identity } from '../judgement.js';
import { type Asking } from './asking.js';
import { type JudgeKeys } from './judge-keys.js';
import { type AccessKeyRecord, type BucketOwner, type CachedRecord, type Lookup } from './records.js';
import { refused } from './verdicts.js';

/** How this process opens what api-key seals to it. */
export interface AccessKeySealing {
  readonly replyKey: Caller['reply_key'];
  readonly unseal: (sealed: Sealed) => string;
}

/** What an S3 request is judged by, before its body. */
export interface SignedS3Request {
  readonly signature: S3Signature;
  /** Buckets of which it has to be known whose they are: its own, and a copy's source. */
  readonly buckets: readonly string[];
  readonly clientIp: string;
}

/** One turn's answer: who asks, with what their body is verified, and whose the buckets were at that moment. */
export interface S3Judgement {
  readonly identity: Identity;
  /** Of a principal alone. */
  readonly signingKey: Secret | undefined;
  /** By bucket, the organization; null: nobody's. Of a principal alone. */
  readonly owners: ReadonlyMap<string, string | null>;
}

/**
 * Access keys: the S3 form of an API key. What verifies a signature is a key for one day that api-key has derived; it comes sealed to
 * this process, is opened once, and lives in the record, so that the marker which ends the record ends it too.
 */
export class AccessKeys {
  constructor(
    private readonly parts: {
      readonly keys: JudgeKeys;
      readonly sealing: AccessKeySealing;
      /** Organization by bucket, as the policy says it now: it wins over the registry. */
      readonly policyBuckets: () => ReadonlyMap<string, string>;
    },
  ) {}

  judge({ signature, buckets, clientIp }: SignedS3Request, records: RequestRecords<CachedRecord>): S3Judgement | Stop {
    const no = (identity: Identity): S3Judgement => ({ identity, signingKey: undefined, owners: new Map() });
    const found = records.look(this.#byId(signature.accessKeyId));
    if ('stop' in found) return found;
    if (!found.record) return no(refused(clientIp, notValid(), 'unknown_access_key'));
    const { key, secretId, expiresAt, signingKeys } = found.record;
    const asking: Asking = { clientIp, anywhere: false, organizationId: null, records };
    // Before the signature, as with every other form: from a foreign network nobody learns whether they hold the right secret.
    const elsewhere = this.parts.keys.refuseNetwork(key, asking);
    if (elsewhere) return no(elsewhere);
    if (signingKeys === null) {
      const reason = key.status === 'active' ? 'secret_ended' : key.status;
      return no(refused(clientIp, notValid(), reason, key));
    }
    const signingKey = signingKeys.get(signature.scopeDate);
    if (!signingKey || !signature.verify(signingKey)) {
      const reason = signingKey ? 'wrong_signature' : 'no_signing_key';
      return no(refused(clientIp, new Refusal('invalid_signature', 'The signature is not valid.'), reason, key));
    }
    if (this.parts.keys.isOver(expiresAt)) return no(refused(clientIp, notValid(), 'secret_ended', key));
    const identity = this.parts.keys.proven(key, secretId, asking);
    if ('stop' in identity) return identity;
    if (identity.kind !== 'principal') return no(identity);
    const owners = this.ownersOf(buckets, records);
    return owners instanceof Map ? { identity, signingKey, owners } : owners;
  }

  ownersOf(buckets: readonly string[], records: RequestRecords<CachedRecord>): Map<string, string | null> | Stop {
    const owners = new Map<string, string | null>();
    const byPolicy = this.parts.policyBuckets();
    for (const name of buckets) {
      const owner = byPolicy.get(name);
      if (owner !== undefined) {
        owners.set(name, owner);
        continue;
      }
      const found = records.look(bucketByName(name));
      if ('stop' in found) return found;
      owners.set(name, found.record?.bucketOf ?? null);
    }
    return owners;
  }

  #byId(accessKeyId: string): Lookup<AccessKeyRecord> {
    const { replyKey, unseal } = this.parts.sealing;
    return {
      name: `access-key:${accessKeyId}`,
      authority: 'api-key',
      under: ['api-key', 'identity'],
      tags: ({ key }) => [
        tag('credential', key.id),
        tag('principal', key.owner.id),
        tag('organization', key.organization_id),
      ],
      ask: async (ask) => {
        // What has another form is no access key of ours, but only the authority may say that nothing is known by it.
        const reply = await ask(ApiKey.resolveAccessKey, { access_key_id: accessKeyId, reply_key: replyKey });
        const { position, found } = reply;
        if (!found) return { position, record: null };
        const { key, secret_id: secretId, expires_at: expiresAt, signing_keys: sealed } = found;
        return {
          position,
          record: { key, secretId, expiresAt, signingKeys: sealed && signingKeysOf(unseal(sealed)) },
        };
      },
    };
  }
}

function signingKeysOf(text: string): ReadonlyMap<string, Secret> {
  const keys = S3SigningKeys.parse(JSON.parse(text));
  return new Map(keys.map(({ date, key }) => [date, Secret.of(key)]));
}

/** A claim makes known what was nobody's a moment ago, and a release the other way round: one marker for both. */
const bucketByName = (name: string): Lookup<BucketOwner> => ({
  name: `bucket:${name}`,
  authority: 'api-key',
  under: ['api-key'],
  tags: () => [tag('bucket', name)],
  tagsOfNone: [tag('bucket', name)],
  ask: async (ask) => {
    const { position, bucket } = await ask(Bucket.resolve, { name });
    return { position, record: bucket && { bucketOf: bucket.organization_id } };
  },
});
