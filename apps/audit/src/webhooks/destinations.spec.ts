import { type LookupAddress } from 'node:dns';
import { NetworkList } from '@portcullis/credentials';
import { DestinationRefused, Destinations, HostUnknown, isPublicAddress } from './destinations.js';

const nowhere = NetworkList.parse([]);
const found = (...addresses: string[]): LookupAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
const of = (url: string, allowed: readonly string[] = [], ...addresses: string[]) =>
  new Destinations(
    NetworkList.parse(allowed),
    addresses.length === 0 ? undefined : () => Promise.resolve(found(...addresses)),
  ).of(new URL(url));

describe('an address', () => {
  test.each(['8.8.8.8', '93.184.215.14', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    'unknown',
    '',
  ])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('a webhook is not sent', () => {
  test.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f.0.0.1/',
    'https://0177.0.0.1/',
    'https://0/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[fd00::1]/',
    'https://１２７.０.０.１/',
    'https://localhost/',
  ])('to %s', async (url) => {
    await expect(of(url)).rejects.toThrow(DestinationRefused);
  });

  test('to a name that leads inside, nor to one that leads inside as well', async () => {
    await expect(of('https://hooks.example/', [], '10.0.0.1')).rejects.toThrow(DestinationRefused);
    await expect(of('https://hooks.example/', [], '8.8.8.8', '10.0.0.1')).rejects.toThrow(DestinationRefused);
    await expect(of('https://hooks.example/', [], '10.0.0.1', '8.8.8.8')).rejects.toThrow(DestinationRefused);
  });

  test('over http, or to a port of something else', async () => {
    await expect(of('http://hooks.example/', [], '8.8.8.8')).rejects.toThrow(DestinationRefused);
    await expect(of('https://hooks.example:22/', [], '8.8.8.8')).rejects.toThrow(DestinationRefused);
    await expect(of('https://hooks.example:8443/', [], '8.8.8.8')).resolves.toEqual(found('8.8.8.8'));
    await expect(of('https://hooks.example/', [], '8.8.8.8')).resolves.toEqual(found('8.8.8.8'));
  });

  test('to a name without an address', async () => {
    await expect(new Destinations(nowhere, () => Promise.resolve([])).of(new URL('https://a.example'))).rejects.toThrow(
      HostUnknown,
    );
  });

  test('later than it may: a resolver that does not answer is not waited for', async () => {
    const silent = new Destinations(nowhere, () => new Promise(() => undefined));
    await expect(silent.of(new URL('https://a.example'), AbortSignal.timeout(10))).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });
});

test('networks that the operator allows may be private and http, on any port; a name must lie in them wholly for that', async () => {
  const inside = ['10.0.0.0/8', 'fd00::/8'];
  await expect(of('http://siem.internal:8088/', inside, '10.1.1.1')).resolves.toEqual(found('10.1.1.1'));
  await expect(of('http://[fd00::1]:8088/', inside)).resolves.toEqual(found('fd00::1'));
  await expect(of('http://siem.internal:8088/', inside, '10.1.1.1', '8.8.8.8')).rejects.toThrow(DestinationRefused);
  await expect(of('http://siem.internal:8088/', inside, '192.168.0.1')).rejects.toThrow(DestinationRefused);
});
