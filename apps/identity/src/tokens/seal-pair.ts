import { type Caller, type Identity, type ReplyOf } from '@portcullis/contracts';
import { sealReply } from '../sealing-keys.js';
import { type IssuedPair } from './issue-pair.js';

/** A pair as it is answered, both tokens sealed to the gateway that asked. */
export async function sealPair(
  caller: Caller,
  pair: IssuedPair,
  subject: string,
): Promise<ReplyOf<typeof Identity.authenticate>> {
  const [accessToken, refreshToken] = await Promise.all([
    sealReply(caller, pair.accessToken, subject),
    sealReply(caller, pair.refreshToken, subject),
  ]);
  return {
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: pair.times.accessExpires - pair.times.issuedAt,
    refresh_not_before: new Date(pair.times.refreshNotBefore * 1000).toISOString(),
  };
}
