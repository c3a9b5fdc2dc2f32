import { createHash, type KeyObject } from 'node:crypto';
import { Caller, Refusal, type Service } from '@portcullis/contracts';
import { inspectJwt, signJwt, TokenError, verifyJwt } from '@portcullis/credentials';

/** The header in which the caller rides. NATS header names are case-sensitive. */
export const callerHeader = 'Portcullis-Caller';

const typ = 'portcullis-caller+jwt';
const lifetimeSeconds = 30;
/** A principal that reaches a thousand buckets, the most that there may be, takes 90 KB. */
const maxBytes = 131_072;
const issuer = 'portcullis:gateway';

/** Vouches for callers with the gateway process's own key: each token is good for one subject, one body and 30 seconds. */
export class CallerSigner {
  constructor(
    private readonly key: { kid: string; privateKey: KeyObject },
    private readonly now: () => Date,
  ) {}

  sign(subject: string, body: string, caller: Caller): string {
    const iat = Math.floor(this.now().getTime() / 1000);
    return signJwt({
      key: this.key.privateKey,
      kid: this.key.kid,
      typ,
      claims: {
        iss: issuer,
        aud: serviceOf(subject),
        sub: subject,
        iat,
        exp: iat + lifetimeSeconds,
        body: digest(body),
        caller,
      },
    });
  }
}

/** Where a service finds the public keys of the gateways. `undefined`: no such gateway, even after asking again. */
export interface GatewayKeys {
  find(kid: string): Promise<KeyObject | undefined>;
}

/** Tells who asks. Refuses with `unauthenticated` anything that a registered gateway did not sign for this very message. */
export class CallerVerifier {
  constructor(
    private readonly service: Service,
    private readonly keys: GatewayKeys,
    private readonly now: () => Date,
  ) {}

  async verify(token: string | undefined, subject: string, body: Uint8Array): Promise<Caller> {
    if (!token) throw new Refusal('unauthenticated', 'This operation needs a caller.');
    try {
      const { kid } = inspectJwt(token, { typ, maxBytes }).header;
      const key = await this.keys.find(kid);
      const claims = verifyJwt(token, {
        typ,
        keys: (candidate) => (candidate === kid ? key : undefined),
        issuer,
        audience: this.service,
        now: this.now(),
        leewaySeconds: 5,
        maxLifetimeSeconds: lifetimeSeconds,
        maxBytes,
      });
      if (claims.sub !== subject || claims['body'] !== digest(body)) throw unverified('bound to another message');
      return Caller.parse(claims['caller']);
    } catch (error) {
      throw error instanceof TokenError ? unverified(error) : error;
    }
  }
}

const unverified = (cause: unknown): Refusal =>
  new Refusal('unauthenticated', 'The caller could not be verified.', { cause });

const digest = (body: string | Uint8Array): string => createHash('sha256').update(body).digest('base64url');

const serviceOf = (subject: string): string => subject.slice(0, subject.indexOf('.'));
