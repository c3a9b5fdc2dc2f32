import { type Principal } from '@portcullis/contracts';
import { type SigningKey, signJwt } from '@portcullis/credentials';
import { ulid } from 'ulid';

const typ = 'portcullis-identity+jwt';
const lifetimeSeconds = 60;
/** A token that has less than this left is made anew: the upstream may look at it late, by a clock of its own. */
const leastRemainingSeconds = 30;

export interface UpstreamIdentityOptions {
  /** The gateway process's own key; good for these and for caller tokens, and for nothing else. */
  readonly key: SigningKey;
  readonly issuer: string;
  readonly now: () => Date;
}

/** Tells upstreams who calls: `X-Portcullis-Identity`, an ES256 JWT of 60 seconds for one audience. */
export class UpstreamIdentity {
  /** By the principal as it was found: a change of anything about it makes another object, and so another token. */
  readonly #tokens = new WeakMap<
    Principal,
    Map<string, { token: string; freshUntilMs: number; permissions: readonly string[] }>
  >();

  constructor(private readonly options: UpstreamIdentityOptions) {}

  /** @param upstream.permissions those that the upstream's own routes require: it learns of no others */
  token(
    principal: Principal,
    upstream: { readonly audience: string; readonly permissions: readonly string[] },
  ): string {
    const nowMs = this.options.now().getTime();
    const known =
      this.#tokens.get(principal) ??
      new Map<string, { token: string; freshUntilMs: number; permissions: readonly string[] }>();
    this.#tokens.set(principal, known);
    const permissions = principal.permissions.filter((name) => upstream.permissions.includes(name));
    const made = known.get(upstream.audience);
    if (made && nowMs < made.freshUntilMs && same(made.permissions, permissions)) return made.token;
    const token = this.#sign(principal, upstream.audience, permissions, Math.floor(nowMs / 1000));
    const freshUntilMs = (Math.floor(nowMs / 1000) + lifetimeSeconds - leastRemainingSeconds) * 1000;
    known.set(upstream.audience, { token, freshUntilMs, permissions });
    return token;
  }

  #sign(principal: Principal, audience: string, permissions: readonly string[], iat: number): string {
    return signJwt({
      key: this.options.key.privateKey,
      kid: this.options.key.kid,
      typ,
      claims: {
        iss: this.options.issuer,
        aud: audience,
        sub: principal.id,
        ...(principal.organization_id === null ? {} : { org: principal.organization_id }),
        cid: principal.credential_id,
        permissions,
        // RFC 8693 section 4.1: by what the subject acts, where that is not the person at a session.
        ...(principal.credential_id.startsWith('tok_') ? {} : { act: { sub: principal.credential_id } }),
        jti: ulid(iat * 1000),
        iat,
        nbf: iat,
        exp: iat + lifetimeSeconds,
      },
    });
  }
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, at) => name === b[at]);
