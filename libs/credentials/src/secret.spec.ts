import { format, inspect } from 'node:util';
import { Secret } from './secret.js';

const secret = Secret.of('hunter2');

test('reveal gives the text back', () => {
  expect(secret.reveal()).toBe('hunter2');
});

test.each<[string, () => string]>([
  ['string concatenation', () => `${String(secret)}`],
  ['JSON', () => JSON.stringify({ secret, list: [secret] })],
  ['inspect, deep and with hidden fields', () => inspect({ secret }, { showHidden: true, depth: 9 })],
  ['console formats', () => format('%s %o %O %j', secret, secret, secret, secret)],
  ['an error with the secret as its cause', () => inspect(new Error('no', { cause: { secret } }))],
  ['a copy by spread', () => JSON.stringify({ ...secret })],
  ['property listing', () => [...Object.entries(secret), ...Reflect.ownKeys(secret)].join()],
])('%s does not show it', (_, print) => {
  expect(print()).not.toContain('hunter2');
});
