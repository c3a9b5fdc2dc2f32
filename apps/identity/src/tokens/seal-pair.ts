import { type AccessGrant, type BrowserTokens, type Caller, type Identity, type ReplyOf } from '@portcullis/contracts';
import { sealReply } from '../sealing-keys.js';
import { type IssuedPair } from './issue-pair.js';
import { type Holder } from './token-pair.js';

/** A pair as it is answered, both tokens sealed to the gateway that asked. */
export function sealPair(caller: Caller, pair: IssuedPair, subject: string): ReplyOf<typeof Identity.authenticate> {
  return {
    access_token: sealReply(caller, pair.accessToken, subject),
    refresh_token: sealReply(caller, pair.refreshToken, subject),
    token_type: 'Bearer',
    expires_in: pair.times.accessExpires - pair.times.issuedAt,
    refresh_not_before: new Date(pair.times.refreshNotBefore * 1000).toISOString(),
  };
}

/** A pair for a browser. */
export function sealBrowserTokens(caller: Caller, pair: IssuedPair, subject: string): BrowserTokens {
  const { issuedAt, accessExpires, refreshExpires } = pair.times;
  return {
    access_token: sealReply(caller, pair.accessToken, subject),
    refresh_token: sealReply(caller, pair.refreshToken, subject),
    token_type: 'Bearer',
    expires_in: accessExpires - issuedAt,
    refresh_expires_in: refreshExpires - issuedAt,
  };
}

/** The access token of a pair alone. Its refresh token is shown to nobody, so that nobody has it. */
export function sealGrant(caller: Caller, pair: IssuedPair, holder: Holder, subject: string): AccessGrant {
  return {
    access_token: sealReply(caller, pair.accessToken, subject),
    token_type: 'Bearer',
    expires_in: pair.times.accessExpires - pair.times.issuedAt,
    permissions: holder.permissions,
  };
}
