import { isOwnOrigin } from './own-page.js';

test.each<[origin: string, host: string | undefined, publicUrl: string, own: boolean]>([
  ['https://gate.example', 'gate.example', 'https://gate.example', true],
  // A proxy that has the host of the gateway behind it in its request.
  ['https://gate.example', '10.0.0.7:8080', 'https://gate.example', true],
  ['https://gate.example', undefined, 'https://gate.example/behind/a/prefix', true],
  // Another name or gateway of the same installation.
  ['https://other.example:8443', 'other.example:8443', 'https://gate.example', true],
  ['http://127.0.0.1:8090', '127.0.0.1:8090', 'http://127.0.0.1:8080', true],
  ['https://gate.example', 'gate.example:443', 'http://127.0.0.1:8080', true],
  ['http://gate.example', 'gate.example:80', 'http://127.0.0.1:8080', true],
  ['http://[::1]:8080', '[::1]:8080', 'https://gate.example', true],
  ['http://localhost:8080', 'localhost:8080', 'https://gate.example', true],
  ['https://gate.example', 'GATE.example', 'http://127.0.0.1:8080', true],

  ['https://gate.example:444', 'gate.example', 'https://gate.example', false],
  ['https://evil.example', 'gate.example', 'https://gate.example', false],
  // Whoever can answer in the clear for our name is not us.
  ['http://gate.example', 'gate.example', 'https://gate.example', false],
  ['http://127.0.0.1.evil.example', '127.0.0.1.evil.example', 'https://gate.example', false],
  ['https://gate.example.evil.example', 'gate.example', 'https://gate.example', false],
  ['https://gate.example@evil.example', 'gate.example', 'https://gate.example', false],
  ['https://gate.example/', 'gate.example', 'https://gate.example', false],
  ['https://GATE.example', 'gate.example', 'https://other.example', false],
  ['https://other.example', undefined, 'https://gate.example', false],
  ['null', 'null', 'https://gate.example', false],
  ['', 'gate.example', 'https://gate.example', false],
  ['file://', '', 'https://gate.example', false],
  ['chrome-extension://gate.example', 'gate.example', 'https://gate.example', false],
])('a page of %j at the host %j of %j is ours: %j', (origin, host, publicUrl, own) => {
  expect(isOwnOrigin(origin, { host, publicUrl: new URL(publicUrl) })).toBe(own);
});
