import { clientAddress, type NetworkList } from '@portcullis/credentials';
import { type Arrival } from './judgement.js';
import { valuesOf } from './proxy/headers.js';

/** From where a request comes: the peer, or whom trusted proxies say that they forward for; `unknownAddress` if nobody can tell. */
export function clientIpOf({ peer, rawHeaders }: Pick<Arrival, 'peer' | 'rawHeaders'>, trusted: NetworkList): string {
  return clientAddress({ peer, forwardedFor: valuesOf(rawHeaders, 'x-forwarded-for'), trusted });
}
