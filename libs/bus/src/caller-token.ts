import { type KeyObject } from 'node:crypto';
import { Caller, Refusal, type Service } from '@portcullis/contracts';
import { sha256Hex, signJwt, TokenError, verifyJwt } from '@portcullis/credentials';

/** The header in which the caller rides. NATS header names are case-sensitive. */
export const callerHeader = 'Portcullis-Caller';

const typ = 'portcullis-caller+jwt';
const lifetimeSeconds = 30;
const issuer = 'portcullis:gateway';

/** Vouches for callers with the gateway process's own key: each token is good for one subject, one body and 30 seconds. */
export class CallerSigner {
  constructor(
    private readonly key: { kid: string; privateKey: KeyObject },
    private readonly now: () => Date,
  ) {}

  sign(subject: string, body: Uint8Array, caller: Caller): string {
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
        body: sha256Hex(Buffer.from(body)),
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
    const kid = unverifiedKid(token);
    const key = kid === undefined ? undefined : await this.keys.find(kid);
    if (!key) throw new Refusal('unauthenticated', 'The caller could not be verified.', { cause: 'unknown gateway key' });
    try {
      const claims = verifyJwt(token, {
        typ,
        keys: (candidate) => (candidate === kid ? key : undefined),
        issuer,
        audience: this.service,
        now: this.now(),
        leewaySeconds: 5,
        maxLifetimeSeconds: lifetimeSeconds,
        maxBytes: 65_536,
      });
      if (claims['sub'] !== subject || claims['body'] !== sha256Hex(Buffer.from(body))) {
        throw new Refusal('unauthenticated', 'The caller could not be verified.', { cause: 'bound to another message' });
      }
      return Caller.parse(claims['caller']);
    } catch (error) {
      if (error instanceof TokenError) {
        throw new Refusal('unauthenticated', 'The caller could not be verified.', { cause: error });
      }
      throw error;
    }
  }
}

const serviceOf = (subject: string): string => subject.slice(0, subject.indexOf('.'));

function unverifiedKid(token: string): string | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString());
    const kid = (header as { kid?: unknown } | null)?.kid;
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined;
  }
}
