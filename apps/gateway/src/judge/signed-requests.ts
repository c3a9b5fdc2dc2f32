import { type RequestRecords, type Stop } from '@portcullis/bus';
import { type Refusal, type ResolvedClient } from '@portcullis/contracts';
import {
  type CheckedSignature,
  checkSignature,
  chooseSignature,
  type ContentDigest,
  keyidsOf,
  type Origin,
  parseSignatures,
  type PublicKey,
  replayKey,
  type RequestSignature,
  SignatureError,
  type SignedRequest,
  signedRequest,
  verifySignature,
} from '@portcullis/credentials';
import { type Instant } from '@portcullis/enforcement';
import { type Arrival } from '../judgement.js';
import { type SignatureClaims } from './signature-claims.js';
import { clientIdForm, liveKeysOf } from './client-keys.js';
import { type CachedRecord, clientByClientId } from './records.js';

/** How long what was signed is remembered after `created`: until no clock of ours takes it any more, and as long again. */
const rememberedSeconds = 600;

/** A request whose signature was read, and what has been found out of it so far. */
export interface SignedArrival {
  readonly request: SignedRequest;
  readonly signatures: readonly RequestSignature[];
  readonly clientIp: string;
  readonly userAgent: string | null;
  /** By which key of which client it was found good. Its bytes do not change, so that this is done once. */
  verified?: { readonly client: string; readonly fingerprint: string; readonly checked: CheckedSignature };
  /** Whether it was the first of its kind; undefined until that was asked. */
  claimed?: boolean;
}

/** A signature that is no good. `reason` is for the audit record; to its maker every one looks the same. */
export interface RefusedSignature {
  readonly reason: string;
  /** Whose it claims to be, where there is such a client. */
  readonly client?: ResolvedClient;
}

/** A request that was signed by a client, is the first of its kind, and whose body has to have this digest. */
export interface GoodSignature {
  readonly client: ResolvedClient;
  readonly digest: ContentDigest | null;
}

/** What stands between a client that is known and its signature: its network, its state. */
export type DemandClient = (client: ResolvedClient) => RefusedSignature | { readonly refusal: Refusal } | undefined;

/**
 * Requests that are signed (RFC 9421), by what their clients' records say now. Nothing of a verdict is kept: each request is verified,
 * and claimed with client-registry once all else holds, so that it is good once on all gateways together. No claim, no request: with
 * the registry away it is refused as unavailable.
 */
export class SignedRequests {
  constructor(
    private readonly options: {
      readonly origin: Origin;
      readonly claims: SignatureClaims;
      readonly now: () => Instant;
    },
  ) {}

  read(arrival: Arrival, clientIp: string): SignedArrival | RefusedSignature {
    try {
      const request = signedRequest(this.options.origin, arrival);
      return { request, signatures: parseSignatures(arrival.rawHeaders), clientIp, userAgent: userAgentOf(arrival) };
    } catch (error) {
      return refusedBy(error);
    }
  }

  /** To be asked again, with the same `signed`, whenever what it answers that it waits for has come. */
  judge(
    signed: SignedArrival,
    records: RequestRecords<CachedRecord>,
    demand: DemandClient,
  ): GoodSignature | RefusedSignature | { readonly refusal: Refusal; readonly client: ResolvedClient } | Stop {
    const clients = new Map<string, ResolvedClient>();
    for (const keyid of keyidsOf(signed.signatures)) {
      if (!clientIdForm.test(keyid)) continue;
      const found = records.look(clientByClientId(keyid));
      if ('stop' in found) return found;
      if (found.record) clients.set(keyid, found.record);
    }
    try {
      const signature = chooseSignature(signed.signatures, (keyid) => clients.has(keyid));
      const client = clients.get(signature.keyid ?? '') as ResolvedClient;
      // Before the signature: from a foreign network nobody learns whether they hold the right key.
      const demanded = demand(client);
      if (demanded) return { ...demanded, client };
      return this.#take(signed, signature, client);
    } catch (error) {
      return refusedBy(error);
    }
  }

  #take(signed: SignedArrival, signature: RequestSignature, client: ResolvedClient) {
    const now = new Date(this.options.now().wallMs);
    const live = liveKeysOf(client, now.getTime());
    const isStill = ({ client: id, fingerprint }: NonNullable<SignedArrival['verified']>) =>
      id === client.id && live.some((key) => key.fingerprint === fingerprint);
    try {
      if (!signed.verified || !isStill(signed.verified)) {
        const checked = checkSignature(signed.request, signature, now);
        const { fingerprint } = verifyWithOne(live, signature, checked.base);
        if (hasNoBody(signed.request) && checked.digest?.checker().matches() === false) {
          throw new SignatureError('bad_digest', 'content-digest', 'There is no body, and this is not its digest.');
        }
        signed.verified = { client: client.id, fingerprint, checked };
      }
    } catch (error) {
      return { ...refusedBy(error), client };
    }
    const { checked } = signed.verified;
    if (signed.claimed === undefined) return this.#claim(signed, signature, client, checked);
    return signed.claimed ? { client, digest: checked.digest } : { reason: 'signature_replayed', client };
  }

  #claim(
    signed: SignedArrival,
    { created, keyid }: RequestSignature,
    client: ResolvedClient,
    { base }: CheckedSignature,
  ): Stop {
    const until = new Date(((created ?? 0) + rememberedSeconds) * 1000).toISOString();
    const claim = {
      client: client.id,
      digest: replayKey(keyid ?? '', base),
      until,
      client_ip: signed.clientIp,
      user_agent: signed.userAgent,
    };
    return {
      stop: 'waits',
      work: async () => {
        signed.claimed = await this.options.claims.take(claim);
      },
    };
  }
}

/** While one key replaces another either may have signed. That a signature is of another kind than one of them says nothing of it. */
function verifyWithOne(live: readonly PublicKey[], signature: RequestSignature, base: string): PublicKey {
  let first: SignatureError | undefined;
  for (const key of live) {
    try {
      verifySignature(signature, base, key);
      return key;
    } catch (error) {
      if (!(error instanceof SignatureError)) throw error;
      if (!first || first.code === 'wrong_algorithm') first = error;
    }
  }
  throw first ?? new SignatureError('unknown_key', null, 'The client has no key that is good now.');
}

function hasNoBody({ rawHeaders }: SignedRequest): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase();
    if (name === 'transfer-encoding') return false;
    if (name === 'content-length' && Number(rawHeaders[at + 1]) > 0) return false;
  }
  return true;
}

function userAgentOf({ rawHeaders }: Arrival): string | null {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'user-agent');
  return at < 0 ? null : (rawHeaders[at + 1] ?? '').replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 512);
}

function refusedBy(error: unknown): RefusedSignature {
  if (!(error instanceof SignatureError)) throw error;
  return { reason: `signature_${error.code}` };
}
