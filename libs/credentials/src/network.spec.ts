import * as fc from 'fast-check';
import { clientAddress, NetworkList, NetworkRefused, normaliseAddress, parseCidr, unknownAddress } from './network.js';

describe('a network', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['192.0.2.7/32', '192.0.2.7/32'],
    ['::/0', '::/0'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:db8:0:0:1::/80', '2001:db8:0:0:1::/80'],
    ['::1/128', '::1/128'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['64:ff9b::192.0.2.0/120', '64:ff9b::c000:200/120'],
  ])('%s is read as %s', (text, canonical) => {
    expect(parseCidr(text).text).toBe(canonical);
  });

  test.each([
    ['10.1.2.3/8', 'the network is 10.0.0.0/8'],
    ['192.0.2.129/25', 'the network is 192.0.2.128/25'],
    ['2001:db8::1/64', 'the network is 2001:db8::/64'],
    ['::ffff:10.1.2.3/104', 'the network is 10.0.0.0/8'],
    ['0.0.0.1/0', 'the network is 0.0.0.0/0'],
    ['10.1.2.3', 'write 10.1.2.3/32'],
    ['::1', 'write ::1/128'],
    ['10.0.0.0/33', 'not 0 to 32'],
    ['::/129', 'not 0 to 128'],
  ])('%s is refused with a hint: %s', (text, hint) => {
    expect(() => parseCidr(text)).toThrow(NetworkRefused);
    expect(() => parseCidr(text)).toThrow(hint);
  });

  test.each([
    '',
    '/',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/+8',
    '10.0.0.0/8.0',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0/0x8',
    ' 10.0.0.0/8',
    '10.0.0.0/8 ',
    '10.0.0.0 /8',
    '10.0.0.0/8\n',
    '010.0.0.0/8',
    '0x0a.0.0.0/8',
    '10/8',
    '10.0/16',
    '167772160/8',
    '10.0.0.256/32',
    '10.0.0.0.0/8',
    '１０.0.0.0/8',
    'fe80::%eth0/64',
    'fe80::1%1/128',
    ':::/0',
    '1::2::3/128',
    '12345::/16',
    '[::1]/128',
    'localhost/8',
    '*',
    '0.0.0.0/0,::/0',
    '::ffff:010.0.0.0/104',
    '::ffff:10.0.0/104',
  ])('%j is refused', (text) => {
    expect(() => parseCidr(text)).toThrow(NetworkRefused);
  });

  test('a refusal shows at most the beginning of what was sent', () => {
    expect(() => parseCidr('x'.repeat(10_000))).toThrow(/^.{0,160}$/s);
  });
});

describe('a list of networks', () => {
  test('empty, holds nobody', () => {
    const nobody = NetworkList.parse([]);
    for (const address of ['127.0.0.1', '::1', '0.0.0.0', '::', '']) expect(nobody.contains(address)).toBe(false);
  });

  test('holds what lies in any of its networks, to the last address and no further', () => {
    const list = NetworkList.parse(['192.0.2.128/25', '2001:db8::/33', '198.51.100.7/32']);
    for (const inside of [
      '192.0.2.128',
      '192.0.2.255',
      '2001:db8::',
      '2001:DB8:7fff:ffff:ffff:ffff:ffff:ffff',
      '198.51.100.7',
    ]) {
      expect(list.contains(inside)).toBe(true);
    }
    for (const outside of ['192.0.2.127', '192.0.3.0', '2001:db8:8000::', '2001:db7:ffff::', '198.51.100.6']) {
      expect(list.contains(outside)).toBe(false);
    }
    expect(list.toJSON()).toEqual(['192.0.2.128/25', '2001:db8::/33', '198.51.100.7/32']);
  });

  test('takes mapped IPv6 for IPv4, in the address and in the network', () => {
    for (const list of [NetworkList.parse(['10.0.0.0/8']), NetworkList.parse(['::ffff:10.0.0.0/104'])]) {
      for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '::FFFF:a01:203', '0:0:0:0:0:ffff:10.1.2.3']) {
        expect(list.contains(address)).toBe(true);
      }
    }
  });

  test('does not take other forms that carry an IPv4 address for that address', () => {
    const list = NetworkList.parse(['10.0.0.0/8', '0.0.0.0/0']);
    for (const address of [
      '::10.1.2.3',
      '64:ff9b::10.1.2.3',
      '2002:a01:203::',
      '::ffff:0:10.1.2.3',
      '1::ffff:10.1.2.3',
    ]) {
      expect(list.contains(address)).toBe(false);
    }
  });

  test('all of IPv4 is not all of IPv6, nor the reverse', () => {
    expect(NetworkList.parse(['0.0.0.0/0']).contains('::1')).toBe(false);
    expect(NetworkList.parse(['::/0']).contains('10.1.2.3')).toBe(false);
    expect(NetworkList.parse(['::/0']).contains('::ffff:10.1.2.3')).toBe(false);
    expect(NetworkList.parse(['0.0.0.0/0', '::/0']).contains('::ffff:10.1.2.3')).toBe(true);
  });

  test.each([
    '',
    unknownAddress,
    '010.1.2.3',
    '10.1',
    '0x0a010203',
    '167838211',
    '10.1.2.3 ',
    '10.1.2.3:80',
    'fe80::1%eth0',
    '[::1]',
    'localhost',
  ])('holds no %j', (text) => {
    expect(NetworkList.parse(['0.0.0.0/0', '::/0']).contains(text)).toBe(false);
    expect(normaliseAddress(text)).toBeNull();
  });

  test('is refused as a whole for one bad entry, or for too many', () => {
    expect(() => NetworkList.parse(['10.0.0.0/8', '10.1.0.0/8'])).toThrow(NetworkRefused);
    expect(() => NetworkList.parse(Array.from({ length: 101 }, () => '10.0.0.0/8'))).toThrow('at most 100');
  });
});

describe('the one spelling of an address', () => {
  test.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:a01:203', '10.1.2.3'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::2:0:0:0:3', '1:0:0:2::3'],
    ['::10.1.2.3', '::a01:203'],
    ['1:2:3:4:5:6:10.1.2.3', '1:2:3:4:5:6:a01:203'],
    ['2001:0db8::00ff', '2001:db8::ff'],
  ])('of %s is %s', (text, spelling) => {
    expect(normaliseAddress(text)).toBe(spelling);
  });

  test('is stable, and the one that a URL gives to IPv6', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const spelling = normaliseAddress(text) ?? '';
        expect(normaliseAddress(spelling)).toBe(spelling);
        if (spelling.includes(':')) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${spelling}]`);
      }),
    );
  });
});

describe('the client address', () => {
  const trusted = NetworkList.parse(['10.0.0.0/8', 'fd00::/8']);
  test.each<[string, string | undefined, string[], string]>([
    ['without a proxy it is the peer', '203.0.113.9', [], '203.0.113.9'],
    ['an untrusted peer is believed nothing', '203.0.113.9', ['198.51.100.1', '10.0.0.1'], '203.0.113.9'],
    ['a mapped peer is its IPv4 self', '::ffff:203.0.113.9', [], '203.0.113.9'],
    ['a trusted peer names its client', '10.0.0.1', ['203.0.113.9'], '203.0.113.9'],
    ['a mapped trusted peer does too', '::ffff:10.0.0.1', ['203.0.113.9'], '203.0.113.9'],
    ['the client cannot name another', '10.0.0.1', ['198.51.100.1, 203.0.113.9'], '203.0.113.9'],
    ['nor with lines of its own', '10.0.0.1', ['198.51.100.1', '203.0.113.9'], '203.0.113.9'],
    ['nor by naming a trusted hop', '10.0.0.1', ['198.51.100.1, 10.0.0.2, 203.0.113.9'], '203.0.113.9'],
    ['trusted hops are passed', '10.0.0.1', ['203.0.113.9, 10.3.3.3', 'fd00::7 ,\t10.2.2.2'], '203.0.113.9'],
    ['IPv6 comes out in its one spelling', 'fd00::1', ['2001:DB8:0:0::9'], '2001:db8::9'],
    ['a proxy that calls for itself is the client', '10.0.0.1', [], '10.0.0.1'],
    ['an empty line says nothing', '10.0.0.1', ['', ' \t'], '10.0.0.1'],
    ['all hops trusted: the leftmost', '10.0.0.1', ['10.0.0.3, 10.0.0.2'], '10.0.0.3'],
    ['"unknown" is nobody', '10.0.0.1', ['203.0.113.9, unknown'], unknownAddress],
    ['an obfuscated name is nobody', '10.0.0.1', ['_hidden'], unknownAddress],
    ['a port form is nobody', '10.0.0.1', ['203.0.113.9:1234'], unknownAddress],
    ['brackets are nobody', '10.0.0.1', ['[2001:db8::9]'], unknownAddress],
    ['quotes are nobody', '10.0.0.1', ['"203.0.113.9"'], unknownAddress],
    ['octal is nobody', '10.0.0.1', ['010.0.0.1'], unknownAddress],
    ['an empty entry is nobody', '10.0.0.1', ['203.0.113.9,'], unknownAddress],
    ['a non-breaking space is no white space', '10.0.0.1', ['\u00a0203.0.113.9'], unknownAddress],
    ['garbage further left does not matter', '10.0.0.1', ['<script>, 203.0.113.9'], '203.0.113.9'],
    ['no peer is nobody', undefined, ['203.0.113.9'], unknownAddress],
    ['a peer with a zone is nobody', 'fe80::1%eth0', ['203.0.113.9'], unknownAddress],
  ])('%s', (_, peer, forwardedFor, client) => {
    expect(clientAddress({ peer, forwardedFor, trusted })).toBe(client);
  });

  test('nobody is in no list', () => {
    expect(NetworkList.parse(['0.0.0.0/0', '::/0']).contains(unknownAddress)).toBe(false);
  });

  test('with no trusted proxies the header never counts', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.array(fc.ipV4()), (peer, forwardedFor) => {
        expect(clientAddress({ peer, forwardedFor, trusted: NetworkList.parse([]) })).toBe(peer);
      }),
    );
  });
});
