import { type LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { NetworkList } from '@portcullis/credentials';

/** A webhook may not be sent there. */
export class DestinationRefused extends Error {
  override readonly name = 'DestinationRefused';
}

/** The URL's host has no address now. */
export class HostUnknown extends Error {
  override readonly name = 'HostUnknown';
}

/** How a name becomes addresses: as the system does it, with `/etc/hosts` and search domains. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;
const systemResolve: Resolve = (host) => lookup(host, { all: true, order: 'verbatim' });

/**
 * Where webhooks may go: by https to the public internet on the ports that web servers have, and anyhow to the networks that the operator
 * allows. Whoever may make a webhook must not reach what only this machine reaches.
 */
export class Destinations {
  constructor(
    private readonly allowed: NetworkList,
    private readonly resolve: Resolve = systemResolve,
  ) {}

  /**
   * The addresses of the URL's host, asked for once: connect to these and to no other. Throws `DestinationRefused` if one of them may not
   * be reached, `HostUnknown` if there is none.
   */
  async of(url: URL, signal?: AbortSignal): Promise<[LookupAddress, ...LookupAddress[]]> {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const [first, ...more] = await unlessAborted(this.resolve(host), signal).catch((cause: unknown) => {
      throw signal?.aborted ? cause : new HostUnknown('The host has no address.', { cause });
    });
    if (!first) throw new HostUnknown('The host has no address.');
    const addresses = [first, ...more] as const;
    // One bad address among good ones is a trap, not a mistake: the connection might be made to it.
    if (addresses.every(({ address }) => this.allowed.contains(address))) return [...addresses];
    if (url.protocol !== 'https:') throw new DestinationRefused('Only https is sent to the public internet.');
    if (!publicPorts.has(url.port === '' ? '443' : url.port))
      throw new DestinationRefused('The port is none of those allowed.');
    if (!addresses.every(({ address }) => this.allowed.contains(address) || isPublicAddress(address))) {
      throw new DestinationRefused('The address is not a public one.');
    }
    return [...addresses];
  }
}

/** Whether an address is one that the internet routes to a single host (IANA special-purpose registries, RFC 6890). */
export const isPublicAddress = (address: string): boolean =>
  everyIpv4.contains(address)
    ? !specialIpv4.contains(address)
    : globalIpv6.contains(address) && !specialIpv6.contains(address);

const publicPorts: ReadonlySet<string> = new Set(['443', '8443']);

/** An IPv4 address that is mapped into IPv6 counts as the IPv4 address. */
const everyIpv4 = NetworkList.parse(['0.0.0.0/0']);
const specialIpv4 = NetworkList.parse([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);
/** All that is given out. Loopback, unique local, link-local, multicast and NAT64 lie outside of it. */
const globalIpv6 = NetworkList.parse(['2000::/3']);
/** IETF protocols with Teredo, documentation, 6to4: these carry other addresses or none. */
const specialIpv6 = NetworkList.parse(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

/** A resolver cannot be stopped, but need not be waited for. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
