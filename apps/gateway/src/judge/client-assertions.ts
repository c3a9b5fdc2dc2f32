import { type RequestRecords, type Stop } from '@portcullis/bus';
import { type ResolvedClient } from '@portcullis/contracts';
import {
  checkClaims,
  type Claims,
  parseJws,
  readClaims,
  sha256Hex,
  type SignatureAlgorithm,
  signatureVerifies,
  TokenError,
} from '@portcullis/credentials';
import { type Instant } from '@portcullis/enforcement';
import { type SignatureClaims } from './signature-claims.js';
import { liveKeysOf } from './client-keys.js';
import { type CachedRecord, clientByClientId } from './records.js';

/** How far ahead an assertion may end, and how far clocks may differ. */
const maxLifetimeSeconds = 600;
const leewaySeconds = 30;

/** An assertion that was read, and what has been found out of it so far. */
export interface ReadAssertion {
  readonly text: string;
  /** `iss` and `sub`, as written. */
  readonly clientId: string;
  readonly clientIp: string;
  readonly userAgent: string | null;
  /** Whether it was the first use of its `jti`; undefined until that was asked. */
  claimed?: boolean;
}

/**
 * `private_key_jwt` (RFC 7523, with the audience rule of rfc7523bis): a JWT that a registered client signs to say who it is. `iss` and `sub`
 * are its client id, `aud` is our issuer and nothing else, it ends within ten minutes, and its `jti` is good once on all gateways.
 */
export class ClientAssertions {
  constructor(
    private readonly options: {
      readonly issuer: string;
      readonly claims: SignatureClaims;
      readonly now: () => Instant;
    },
  ) {}

  /** Throws `TokenError`. */
  read(text: string, about: { clientIp: string; userAgent: string | null }): ReadAssertion {
    const { header, payload } = parseJws(text);
    const { typ } = header;
    // An access token of ours is no assertion, and the other way round.
    if (typ !== undefined && !/^(?:application\/)?(?:client-authentication\+jwt|jwt)$/i.test(typ)) {
      throw new TokenError('wrong_type', 'The assertion is of another type.');
    }
    const { iss, sub } = readClaims(payload);
    if (typeof iss !== 'string' || iss !== sub)
      throw new TokenError('invalid_claims', 'iss and sub are the client id.');
    return { text, clientId: iss, ...about };
  }

  /** To be asked again with the same `assertion` when what it waits for has come. Throws `TokenError`. */
  judge(assertion: ReadAssertion, records: RequestRecords<CachedRecord>): { readonly client: ResolvedClient } | Stop {
    const found = records.look(clientByClientId(assertion.clientId));
    if ('stop' in found) return found;
    const client = found.record;
    if (!client) throw new TokenError('unknown_key', 'There is no such client.');
    const claims = this.#verify(assertion, client);
    if (assertion.claimed === undefined) return this.#claim(assertion, client, claims);
    if (!assertion.claimed) throw new TokenError('invalid_claims', 'The jti was used before.');
    return { client };
  }

  #verify({ text, clientId }: ReadAssertion, client: ResolvedClient): Claims {
    const { header, payload, signingInput, signature } = parseJws(text);
    const algorithm = Object.hasOwn(algorithms, header.alg) ? algorithms[header.alg] : undefined;
    const now = new Date(this.options.now().wallMs);
    const isSigned = liveKeysOf(client, now.getTime()).some(({ key, algorithms: allowed }) => {
      if (algorithm === undefined || !allowed.includes(algorithm)) return false;
      return signatureVerifies({ key, algorithm }, signingInput, signature);
    });
    if (!isSigned) throw new TokenError('bad_signature', 'No key of the client has signed this.');
    const claims = checkClaims(readClaims(payload), {
      issuer: clientId,
      audience: this.options.issuer,
      now,
      leewaySeconds,
    });
    // A list of several would be an assertion that another server could use here.
    const { aud, exp, jti } = claims;
    if (Array.isArray(aud) && aud.length > 1)
      throw new TokenError('wrong_audience', 'The audience is this issuer alone.');
    if (exp > now.getTime() / 1000 + maxLifetimeSeconds + leewaySeconds) {
      throw new TokenError('invalid_claims', `An assertion ends within ${maxLifetimeSeconds} s.`);
    }
    if (jti === undefined || jti === '' || jti.length > 256) {
      throw new TokenError('invalid_claims', 'An assertion has a jti of 1 to 256 characters.');
    }
    return claims;
  }

  #claim(assertion: ReadAssertion, client: ResolvedClient, { exp, jti }: Claims): Stop {
    const claim = {
      client: client.id,
      digest: sha256Hex(`private_key_jwt\0${client.client_id}\0${jti}`),
      until: new Date((exp + 2 * leewaySeconds) * 1000).toISOString(),
      client_ip: assertion.clientIp,
      user_agent: assertion.userAgent,
    };
    return {
      stop: 'waits',
      work: async () => {
        assertion.claimed = await this.options.claims.take(claim);
      },
    };
  }
}

/** By the names of JWA and RFC 9864; openid-client says `Ed25519`. */
const algorithms: Readonly<Record<string, SignatureAlgorithm>> = {
  RS256: 'rsa-v1_5-sha256',
  PS512: 'rsa-pss-sha512',
  ES256: 'ecdsa-p256-sha256',
  EdDSA: 'ed25519',
  Ed25519: 'ed25519',
};

/** For the metadata document (RFC 8414). */
export const assertionAlgorithms = Object.keys(algorithms);
