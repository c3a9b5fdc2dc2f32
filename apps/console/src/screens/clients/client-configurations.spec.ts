import { clientConfigurations } from './client-configurations';

const at = { gateway: 'https://gateway.example', issuer: 'https://issuer.example' };
const programFor = (algorithm: string, issuer = at.issuer) =>
  clientConfigurations({ client_id: 'theclient', algorithm }, { ...at, issuer })[1]?.steps[0]?.text ?? '';

test('curl signs as the client and goes to the gateway', () => {
  const [curl] = clientConfigurations({ client_id: 'theclient', algorithm: 'rsa' }, at);
  expect(curl?.steps[0]?.text).toBe(
    'eval "curl $(portcullis sign --client-id theclient --key private-key.pem GET https://gateway.example/v1/whoami)"',
  );
});

test.each([
  ['rsa', "{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }"],
  ['ec-p256', "{ name: 'ECDSA', namedCurve: 'P-256' }"],
  ['ed25519', "{ name: 'Ed25519' }"],
])('a program reads its %s key as %s', (algorithm, imported) => {
  expect(programFor(algorithm)).toContain(`importKey('pkcs8', pkcs8, ${imported}, false, ['sign'])`);
});

test('plain http is let by where the installation itself is reached so, and nowhere else', () => {
  expect(programFor('rsa')).not.toContain('allowInsecureRequests');
  expect(programFor('rsa', 'http://127.0.0.1:8080')).toContain('allowInsecureRequests');
});
