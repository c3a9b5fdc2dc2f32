import { normaliseAddress } from './network.js';

/**
 * What counts as one place: an IPv4 address, or the /64 of an IPv6 address, since one household can use all of those.
 * Anything else is one place of its own.
 */
export function addressGroup(clientIp: string): string {
  const address = normaliseAddress(clientIp);
  if (address === null) return 'unknown';
  if (!address.includes(':')) return address;
  const [left = '', right] = address.split('::');
  const leading = left === '' ? [] : left.split(':');
  const trailing = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: right === undefined ? 0 : 8 - leading.length - trailing.length }, () => '0');
  return `${[...leading, ...zeros, ...trailing].slice(0, 4).join(':')}::/64`;
}
