import { clientAddress, type NetworkList } from '@portcullis/credentials';
import { headerValues } from './header-values.js';
import { type Arrival } from './judgement.js';

/** From where a request comes: the peer, or whom trusted proxies say that they forward for; `unknownAddress` if nobody can tell. */
export function clientIpOf({ peer, rawHeaders }: Pick<Arrival, 'peer' | 'rawHeaders'>, trusted: NetworkList): string {
  return clientAddress({ peer, forwardedFor: headerValues(rawHeaders, 'x-forwarded-for'), trusted });
}
