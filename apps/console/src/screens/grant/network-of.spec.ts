import { networkOf } from './network-of';

test.each([
  [' 203.0.113.7 ', '203.0.113.7/32'],
  ['::1', '::1/128'],
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['2001:db8::/32', '2001:db8::/32'],
  [' ', ''],
])('%j is the network %j', (typed, network) => expect(networkOf(typed)).toBe(network));
