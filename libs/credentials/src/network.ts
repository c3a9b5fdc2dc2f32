import { isIP } from 'node:net';

/** A network that cannot be taken as written; the message says what to write instead, where that can be told. */
export class NetworkRefused extends Error {
  override readonly name = 'NetworkRefused';
}

/** An IP network. `text` is its canonical form, such as `10.0.0.0/8` or `2001:db8::/32`. */
export interface Cidr {
  readonly family: 4 | 6;
  /** 2 or 8 groups of 16 bits. */
  readonly groups: readonly number[];
  readonly prefixLength: number;
  readonly text: string;
}

/**
 * Reads one network in CIDR form, strictly: a dotted IPv4 address without leading zeros or an IPv6 address without
 * zone, `/`, a length in plain digits, no host bits. IPv4 mapped into IPv6 (`::ffff:10.0.0.0/104`) is the IPv4 network.
 * Throws {@link NetworkRefused}.
 */
export function parseCidr(text: string): Cidr {
  const shown = JSON.stringify(text.slice(0, 64));
  const [address = '', length, ...more] = text.split('/');
  const parsed = parseAddress(address);
  if (!parsed || more.length > 0)
    throw new NetworkRefused(`${shown} is not a network such as 10.0.0.0/8 or 2001:db8::/32.`);
  const maxLength = parsed.length * 16;
  if (length === undefined) {
    // Not read as a single host: whoever writes 10.0.0.0 may mean a whole network, and must say which.
    throw new NetworkRefused(`${shown} has no prefix length; for this one address write ${address}/${maxLength}.`);
  }
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > maxLength) {
    throw new NetworkRefused(`${shown} has a prefix length that is not 0 to ${maxLength}.`);
  }
  const cidr = unmapped(parsed, Number(length));
  if (!equal(cidr.groups, parsed.length === cidr.groups.length ? parsed : parsed.slice(6))) {
    throw new NetworkRefused(`${shown} has bits set beyond its prefix length; the network is ${cidr.text}.`);
  }
  return cidr;
}

/** Every address there is: no restriction, also where the address is unknown. */
export const isEverywhere = (networks: readonly string[]): boolean =>
  networks.includes('0.0.0.0/0') && networks.includes('::/0');

/**
 * A list of networks. An empty list holds nobody; everybody is `0.0.0.0/0` and `::/0` together, since an IPv6 network
 * never holds an IPv4 address, nor the reverse.
 */
export class NetworkList {
  private constructor(private readonly networks: readonly Cidr[]) {}

  /** Throws {@link NetworkRefused} if an entry is bad or there are more than 100. */
  static parse(texts: readonly string[]): NetworkList {
    if (texts.length > 100) throw new NetworkRefused('A list of networks has at most 100 entries.');
    return new NetworkList(texts.map(parseCidr));
  }

  /**
   * Whether the address lies in one of the networks. IPv4 mapped into IPv6 (`::ffff:10.1.2.3`, what a dual-stack socket
   * reports) counts as IPv4. `::10.1.2.3`, `64:ff9b::/96` and `2002::/16` also carry IPv4 but are other hosts: they do
   * not. What is no address is in no network.
   */
  contains(address: string): boolean {
    if (this.networks.length === 0) return false;
    const groups = canonicalGroups(address);
    return groups !== null && this.networks.some((network) => holds(network, groups));
  }

  /** The canonical forms, in the order given. */
  toJSON(): string[] {
    return this.networks.map(({ text }) => text);
  }
}

/**
 * The one spelling of an address: dotted IPv4 (mapped IPv6 too), RFC 5952 for IPv6; null if it is none or has a zone.
 */
export function normaliseAddress(text: string): string | null {
  // The dotted form that isIP takes has one spelling, and is what almost every request comes from.
  if (isIP(text) === 4) return text;
  const groups = canonicalGroups(text);
  return groups === null ? null : format(groups);
}

/** What {@link clientAddress} answers when nobody can say who called. No network list contains it. */
export const unknownAddress = 'unknown';

export interface Hops {
  /** The address of the socket's other end; undefined for a Unix socket. */
  readonly peer: string | undefined;
  /** The X-Forwarded-For field lines, in the order received. */
  readonly forwardedFor: readonly string[];
  /** The proxies whose word counts. */
  readonly trusted: NetworkList;
}

/**
 * Who called: the socket's peer, unless that is a trusted proxy; then X-Forwarded-For is walked from the right, each
 * trusted hop vouching for the one left of it, up to the first that is not trusted. So nothing that the client itself
 * wrote there is believed. An entry that is no plain address (`unknown`, `_x`, with a port, empty) ends the walk with
 * {@link unknownAddress}. If all hops are trusted it is the leftmost.
 */
export function clientAddress({ peer, forwardedFor, trusted }: Hops): string {
  let client = normaliseAddress(peer ?? '') ?? unknownAddress;
  const entries = forwardedFor.flatMap((line) => (/^[ \t]*$/.test(line) ? [] : line.split(',')));
  while (trusted.contains(client)) {
    const next = entries.pop();
    if (next === undefined) break;
    client = normaliseAddress(next.replace(/^[ \t]+|[ \t]+$/g, '')) ?? unknownAddress;
  }
  return client;
}

/** 2 groups for IPv4, 8 for IPv6, null for anything that net.isIP refuses: octal, hex, short forms, decimal numbers. */
function parseAddress(text: string): number[] | null {
  // isIP takes `fe80::1%eth0`; a zone has a meaning on one machine only, so no rule may name one.
  if (text.includes('%')) return null;
  switch (isIP(text)) {
    case 4:
      return ipv4Groups(text);
    case 6: {
      const dotted = /[^:]*\.[^:]*$/.exec(text)?.[0];
      const tail = dotted === undefined ? [] : ipv4Groups(dotted);
      const rest = dotted === undefined ? text : text.slice(0, -dotted.length).replace(/([^:]):$/, '$1');
      const [left = [], right = []] = rest.split('::').map((side) =>
        side
          .split(':')
          .filter(Boolean)
          .map((group) => parseInt(group, 16)),
      );
      const zeros = 8 - left.length - right.length - tail.length;
      return [...left, ...Array.from({ length: zeros }, () => 0), ...right, ...tail];
    }
    default:
      return null;
  }
}

function ipv4Groups(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

function isMapped(groups: readonly number[]): boolean {
  return groups.length === 8 && groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

function canonicalGroups(text: string): number[] | null {
  const groups = parseAddress(text);
  return groups && isMapped(groups) ? groups.slice(6) : groups;
}

/** The network of an address; a mapped one becomes IPv4 if its length covers the whole mapping prefix. */
function unmapped(address: readonly number[], prefixLength: number): Cidr {
  const mapped = isMapped(address) && prefixLength >= 96;
  const length = mapped ? prefixLength - 96 : prefixLength;
  const groups = (mapped ? address.slice(6) : address).map((group, index) => group & maskOf(length, index));
  return { family: groups.length === 2 ? 4 : 6, groups, prefixLength: length, text: `${format(groups)}/${length}` };
}

function maskOf(prefixLength: number, index: number): number {
  const bits = Math.min(16, Math.max(0, prefixLength - 16 * index));
  return (0xffff << (16 - bits)) & 0xffff;
}

function holds({ groups, prefixLength }: Cidr, address: readonly number[]): boolean {
  return (
    groups.length === address.length &&
    groups.every((group, index) => group === ((address[index] ?? 0) & maskOf(prefixLength, index)))
  );
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((group, index) => group === b[index]);
}

function format(groups: readonly number[]): string {
  if (groups.length === 2) return groups.flatMap((group) => [group >> 8, group & 255]).join('.');
  // RFC 5952: the longest run of two or more zero groups, the first among equals, becomes `::`.
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length < 2) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}
