import { Refused, UsageFault } from '../command.js';

/**
 * Where a gateway is, as every request begins: no slash at the end. Clear text carries passwords and tokens as far as this machine
 * only; anywhere else it is refused unless `insecureHttp` says that it is wanted.
 */
export function gatewayAddress(text: string, insecureHttp: boolean): string {
  if (!URL.canParse(text)) throw new UsageFault('The address of the gateway is no URL: https://gate.example.com.');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UsageFault('The address of the gateway begins with https:// (or http:// on this machine).');
  // Not repeated: a password may stand in it.
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new UsageFault('The address of the gateway is a host, and a path if need be: no user, no query.');
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !insecureHttp)
    throw new Refused(
      `${url.origin} is clear text: anyone on the way could read the token. Use https, or say --insecure-http if the network is yours.`,
    );
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** URL has brought IPv4 into its dotted form and IPv6 into its shortest one. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
