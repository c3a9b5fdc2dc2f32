/** How tokens are written and how long they live: the installation's configuration. */
export class TokenSettings {
  /** `iss`: the installation's public URL, exactly as configured. */
  readonly issuer: string;
  /** `aud` of access tokens. */
  readonly audience: string;
  readonly accessSeconds: number;
  readonly refreshSeconds: number;
  /** How long before the end of the access token its refresh token becomes valid. */
  readonly overlapSeconds: number;
  /** The oldest that a family can get, however often it is refreshed. */
  readonly familySeconds: number;

  constructor(given: Omit<TokenSettings, 'refreshAudience'>) {
    this.issuer = given.issuer;
    this.audience = given.audience;
    this.accessSeconds = given.accessSeconds;
    this.refreshSeconds = given.refreshSeconds;
    this.overlapSeconds = given.overlapSeconds;
    this.familySeconds = given.familySeconds;
  }

  get refreshAudience(): string {
    return refreshAudience(this.issuer);
  }
}

/** RFC 9068. */
export const accessType = 'at+jwt';
/** A type and an audience of its own: neither token is ever taken for the other. */
export const refreshType = 'portcullis-refresh+jwt';
export const refreshAudience = (issuer: string): string => `${issuer}/v1/reauthenticate`;

/** Who holds a token, and what it may be used for, as that stands at the moment of issue. */
export interface Holder {
  /** The client_id of a key (RFC 9068 section 2.2), the id of a person. */
  sub: string;
  clientId: string;
  /** Null for a session of a person in several organizations. */
  organizationId: string | null;
  /** The key; of a session, the family itself. */
  credentialId: string;
  /** Effective names. */
  permissions: string[];
  /** Where bucket-bound permissions reach; absent where there are none. */
  buckets?: 'all' | string[];
  /** When the credential itself ends; no token outlives it. */
  endsAt: Date | null;
}

/** The instants of one pair, in whole seconds since 1970. */
export interface PairTimes {
  issuedAt: number;
  accessExpires: number;
  refreshNotBefore: number;
  refreshExpires: number;
}

/**
 * The instants of a pair issued at `now` that must not outlive `endsAt`. Its refresh token becomes valid shortly before the access token
 * ends, or at once where the access token is kept in the memory of a page.
 */
export function pairTimes(
  settings: TokenSettings,
  now: Date,
  endsAt: Date,
  { inBrowser = false }: { inBrowser?: boolean } = {},
): PairTimes {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const end = Math.floor(endsAt.getTime() / 1000);
  const accessExpires = Math.min(issuedAt + settings.accessSeconds, end);
  return {
    issuedAt,
    accessExpires,
    refreshNotBefore: inBrowser ? issuedAt : Math.max(issuedAt, accessExpires - settings.overlapSeconds),
    refreshExpires: Math.min(issuedAt + settings.refreshSeconds, end),
  };
}

/** Claims of an access token: API.md section 3, RFC 9068 section 2.2. */
export function accessClaims(
  settings: TokenSettings,
  ids: { familyId: string; jti: string },
  holder: Holder,
  times: PairTimes,
): Record<string, unknown> {
  return {
    iss: settings.issuer,
    aud: settings.audience,
    sub: holder.sub,
    client_id: holder.clientId,
    ...(holder.organizationId === null ? {} : { org: holder.organizationId }),
    cid: holder.credentialId,
    sid: ids.familyId,
    jti: ids.jti,
    iat: times.issuedAt,
    nbf: times.issuedAt,
    exp: times.accessExpires,
    permissions: holder.permissions,
    ...(holder.buckets === undefined ? {} : { resources: { buckets: holder.buckets } }),
  };
}

/** Claims of a refresh token: where it may be used and when, and nothing that anybody could be allowed by. */
export function refreshClaims(
  settings: TokenSettings,
  ids: { familyId: string; jti: string },
  sub: string,
  times: PairTimes,
): Record<string, unknown> {
  return {
    iss: settings.issuer,
    aud: settings.refreshAudience,
    sub,
    sid: ids.familyId,
    jti: ids.jti,
    iat: times.issuedAt,
    nbf: times.refreshNotBefore,
    exp: times.refreshExpires,
  };
}

/** What is wrong with lifetimes as configured, in sentences; empty when they fit together. */
export function lifetimeFaults(lifetimes: {
  accessSeconds: number;
  refreshSeconds: number;
  overlapSeconds: number;
  familySeconds: number;
}): string[] {
  const { accessSeconds, refreshSeconds, overlapSeconds, familySeconds } = lifetimes;
  const faults: string[] = [];
  if (overlapSeconds > accessSeconds) {
    faults.push(
      'PORTCULLIS_REFRESH_OVERLAP_SECONDS is longer than PORTCULLIS_ACCESS_TOKEN_SECONDS: no overlap is that long.',
    );
  }
  if (refreshSeconds <= accessSeconds - overlapSeconds) {
    faults.push(
      'PORTCULLIS_REFRESH_TOKEN_SECONDS is too short: refresh tokens would end before they become valid, ' +
        'which is PORTCULLIS_ACCESS_TOKEN_SECONDS less PORTCULLIS_REFRESH_OVERLAP_SECONDS after their issue.',
    );
  }
  if (familySeconds < refreshSeconds) {
    faults.push(
      'PORTCULLIS_FAMILY_DAYS is shorter than PORTCULLIS_REFRESH_TOKEN_SECONDS: no refresh token would live so long.',
    );
  }
  return faults;
}
