import { type OpenedRoleToken, type RoleTokenKeys, type Secret, sha256Hex, TokenError } from '@portcullis/credentials';

/**
 * Opens role tokens, and remembers by digest those that opened. That is safe because remembering answers only "was this sealed with
 * our key"; markers, roles and times are asked at each request. The same token is the same object as long as it is remembered, so
 * that what is made of it (its holding, its upstream's identity token, which is a signature) need not be made again.
 */
export class RoleTokens {
  /** By SHA-256 of the token, of which there is one spelling. Least recently used first. */
  readonly #opened = new Map<string, OpenedRoleToken>();

  constructor(
    private readonly keys: RoleTokenKeys,
    private readonly maxRemembered = 20_000,
  ) {}

  /** Throws `TokenError` as `RoleTokenKeys.open` does. */
  open(token: Secret, now: Date): OpenedRoleToken {
    const digest = sha256Hex(token);
    const remembered = this.#opened.get(digest);
    this.#opened.delete(digest);
    // Written so that an invalid clock refuses.
    if (remembered && !(now.getTime() < remembered.expiresAt * 1000)) {
      throw new TokenError('expired', 'The token has expired.');
    }
    const opened = remembered ?? this.keys.open(token, now);
    this.#opened.set(digest, opened);
    if (this.#opened.size > this.maxRemembered) {
      const oldest = this.#opened.keys().next();
      if (!oldest.done) this.#opened.delete(oldest.value);
    }
    return opened;
  }
}
