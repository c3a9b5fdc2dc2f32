import { decodeBase64url } from './base64url.js';
import { decryptCompact, encryptCompact, parseCompact } from './compact-jwe.js';
import { TokenError } from './jws.js';
import { readClaims } from './jwt.js';
import { bits128, deriveKey, keyName, readKeyList } from './key-list.js';
import { Secret } from './secret.js';

/** What a role token says. Times are whole seconds since 1970. */
export interface RoleTokenClaims {
  /** `tok_…`. */
  readonly id: string;
  /** The installation that made it. */
  readonly installationId: string;
  /** Of that installation: how often all of its role tokens had been revoked when this one was made. */
  readonly epoch: number;
  readonly role: string;
  /** Kept by every refresh: the id of the first token. */
  readonly familyId: string;
  /** The person who obtained it with a password of their own, and which of theirs that was; null for the node password. */
  readonly owner: RoleTokenOwner | null;
  readonly issuedAt: number;
  /** It is over at this very second. */
  readonly expiresAt: number;
  /** No refresh outlives this. */
  readonly familyEndsAt: number;
}

/** Passwords of a person are numbered: one more with each change. */
export interface RoleTokenOwner {
  readonly id: string;
  readonly passwordNumber: number;
}

export interface OpenedRoleToken extends RoleTokenClaims {
  readonly kid: string;
}

/**
 * Role tokens: a compact JWE (RFC 7516), `dir` with A256GCM, that any process with the same key reads, with nobody to ask. Of the
 * protected header there is one spelling for each key and nothing to choose in it: what is not that very text is refused before
 * anything is decrypted, `zip`, `crit` and other algorithms included.
 */
export class RoleTokenKeys {
  /** By the first part of a token, letter for letter. */
  private readonly byHeader: ReadonlyMap<string, Key>;

  private constructor(
    private readonly current: Key,
    older: readonly Key[],
  ) {
    this.byHeader = new Map([current, ...older].map((key) => [key.header, key]));
  }

  /**
   * Reads a comma-separated list of secrets: the first encrypts, all decrypt. To rotate, put a new one first and drop the old one
   * when its last token has expired. Throws `KeyListRefused` as `KeyEncryption.parse` does, but takes 128 bits as enough (32
   * hexadecimal digits, 22 base64 characters, 20 others): such secrets are chosen by people, and nothing tries 2^128.
   */
  static parse(list: string): RoleTokenKeys {
    const [first, ...older] = readKeyList(list, bits128);
    return new RoleTokenKeys(keyFrom(first), older.map(keyFrom));
  }

  /** A fresh token: the same claims never make the same text twice. */
  seal(claims: RoleTokenClaims): Secret {
    const { header, key } = this.current;
    // Random IVs are safe to about 2^32 tokens a key: a thousand a second for 49 days, so rotate before.
    return Secret.of(encryptCompact(header, key, JSON.stringify(written(claims))));
  }

  /**
   * Throws {@link TokenError}: `malformed`, `unsupported` (another header than ours), `unknown_key` (another installation's), `bad_signature`
   * (it was changed), `invalid_claims`, `not_yet_valid` (made over a minute in the future), `expired`.
   */
  open(token: Secret, now: Date): OpenedRoleToken {
    const text = token.reveal();
    if (text.length > maxCharacters) throw new TokenError('malformed', 'The token is too long.');
    const jwe = parseCompact(text);
    if (!jwe) throw new TokenError('malformed', 'This is no compact JWE with A256GCM and a key agreed beforehand.');
    const key = this.byHeader.get(jwe.header);
    if (!key) throw unknownHeader(jwe.header);
    let plaintext: Buffer;
    try {
      plaintext = decryptCompact(jwe, key.key);
    } catch (cause) {
      throw new TokenError('bad_signature', 'The token was changed.', { cause });
    }
    return { kid: key.kid, ...current(read(readClaims(plaintext)), now) };
  }
}

const maxCharacters = 2048;
const typ = 'portcullis-role+jwe';
/** Clocks of two installations. */
const leewaySeconds = 60;

interface Key {
  readonly kid: string;
  readonly key: Buffer;
  readonly header: string;
}

function keyFrom(secret: string): Key {
  const key = deriveKey(secret, 'role-token');
  const kid = keyName(key);
  return { kid, key, header: headerOf(kid) };
}

const headerOf = (kid: string): string =>
  Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid, typ })).toString('base64url');

/** For the log: is it ours under a key that we do not have, or something else altogether? */
function unknownHeader(header: string): TokenError {
  const bytes = decodeBase64url(header);
  const [, kid] = /"kid":"([A-Za-z0-9_-]{11})"/.exec(bytes?.toString('latin1') ?? '') ?? [];
  return kid !== undefined && header === headerOf(kid)
    ? new TokenError('unknown_key', 'The token is under a key that is not in the list.')
    : new TokenError('unsupported', 'The header is not that of a role token.');
}

/** Short names, for the token travels with every request. Those that RFC 7519 registers are its. */
function written(claims: RoleTokenClaims): Record<string, unknown> {
  return {
    jti: claims.id,
    iss: claims.installationId,
    epo: claims.epoch,
    rol: claims.role,
    fam: claims.familyId,
    ...(claims.owner === null ? {} : { sub: claims.owner.id, pwd: claims.owner.passwordNumber }),
    iat: claims.issuedAt,
    exp: claims.expiresAt,
    end: claims.familyEndsAt,
  };
}

/** Whoever has the key may still make mistakes: every claim is there and of its kind, and no other. */
function read(claims: Record<string, unknown>): RoleTokenClaims {
  const { jti, iss, epo, rol, fam, sub = null, pwd = null, iat, exp, end, ...others } = claims;
  if (
    isText(jti) &&
    isText(iss) &&
    isText(rol) &&
    isText(fam) &&
    (sub === null) === (pwd === null) &&
    (sub === null || isText(sub)) &&
    (pwd === null || isWhole(pwd)) &&
    isWhole(epo) &&
    isWhole(iat) &&
    isWhole(exp) &&
    isWhole(end) &&
    Object.keys(others).length === 0 &&
    iat < exp &&
    exp <= end
  ) {
    return {
      id: jti,
      installationId: iss,
      epoch: epo,
      role: rol,
      familyId: fam,
      owner: sub === null || pwd === null ? null : { id: sub, passwordNumber: pwd },
      issuedAt: iat,
      expiresAt: exp,
      familyEndsAt: end,
    };
  }
  throw new TokenError('invalid_claims', 'A claim of role tokens is missing or of another form.');
}

function current(claims: RoleTokenClaims, now: Date): RoleTokenClaims {
  const nowSeconds = now.getTime() / 1000;
  // Written so that an invalid clock (NaN) refuses.
  if (!(nowSeconds < claims.expiresAt)) throw new TokenError('expired', 'The token has expired.');
  if (!(claims.issuedAt <= nowSeconds + leewaySeconds)) {
    throw new TokenError('not_yet_valid', 'The token was issued in the future.');
  }
  return claims;
}

const isText = (value: unknown): value is string => typeof value === 'string' && /^[\x21-\x7e]{1,64}$/.test(value);
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
