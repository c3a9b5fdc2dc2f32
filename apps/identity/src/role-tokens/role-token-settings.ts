import { type BcryptHash, type RoleTokenKeys } from '@portcullis/credentials';

/** How role tokens are issued, from configuration. */
export class RoleTokenSettings {
  /** Null: no node password is configured, and no role token is issued or refreshed. */
  readonly nodePassword: BcryptHash | null;
  /** Never null beside a node password. */
  readonly keys: RoleTokenKeys | null;
  /** The most that `expiry` may ask for. */
  readonly maxSeconds: number;
  /** From the first token of a family to the end of the last. */
  readonly familySeconds: number;

  constructor(given: {
    nodePassword: BcryptHash | null;
    keys: RoleTokenKeys | null;
    maxSeconds: number;
    familySeconds: number;
  }) {
    this.nodePassword = given.nodePassword;
    this.keys = given.keys;
    this.maxSeconds = given.maxSeconds;
    this.familySeconds = given.familySeconds;
  }
}

/** What of the settings does not fit together, a sentence each. */
export function roleTokenFaults(given: {
  hasPassword: boolean;
  hasKeys: boolean;
  maxSeconds: number;
  familySeconds: number;
}) {
  return [
    ...(given.hasPassword && !given.hasKeys
      ? [
          'PORTCULLIS_ADMIN_PASSWORD_HASH is set, and PORTCULLIS_TOKEN_ENCRYPTION_KEY is not: role tokens need both. ' +
            'Make a key with: openssl rand -base64 32',
        ]
      : []),
    ...(given.maxSeconds > given.familySeconds
      ? [
          'PORTCULLIS_ROLE_TOKEN_MAX_SECONDS is longer than PORTCULLIS_ROLE_TOKEN_FAMILY_SECONDS: no token outlives its family',
        ]
      : []),
  ];
}
