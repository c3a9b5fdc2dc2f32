import { type Addresses, type Configuration } from '../configuration/configuration-tabs';

interface Registered {
  readonly client_id: string;
  /** Of the newest key: `rsa`, `ec-p256` or `ed25519`. */
  readonly algorithm: string;
}

/** What Web Crypto takes a private key for; RSA as RS256, with which OAuth servers agree most. */
const imports: Readonly<Record<string, string>> = {
  rsa: `{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }`,
  'ec-p256': `{ name: 'ECDSA', namedCurve: 'P-256' }`,
  ed25519: `{ name: 'Ed25519' }`,
};

/** How a registered client calls. Nothing here is secret: its private key is a file on its own machine, and only named. */
export const clientConfigurations = (client: Registered, { gateway, issuer }: Addresses): Configuration[] => [
  {
    tool: 'curl',
    about: 'Signs one request (RFC 9421) with the private key beside it, and sends it.',
    steps: [
      {
        title: 'Try it: who is this client?',
        text: `eval "curl $(portcullis sign --client-id ${client.client_id} --key private-key.pem GET ${gateway}/v1/whoami)"`,
      },
    ],
  },
  {
    tool: 'openid-client',
    about:
      'For programs: a token for an hour by OAuth 2.0 private_key_jwt, here with the library openid-client 6 of Node.',
    steps: [
      { title: 'Save as client.mjs', text: program(client, issuer) },
      { title: 'Run it, with private-key.pem beside it', text: 'npm install openid-client@6\nnode client.mjs' },
    ],
  },
];

function program({ client_id, algorithm }: Registered, issuer: string): string {
  const options = issuer.startsWith('http:')
    ? `{ algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }`
    : `{ algorithm: 'oauth2' }`;
  return `import { createPrivateKey, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as oauth from 'openid-client';

const issuer = new URL('${issuer}');
const pkcs8 = createPrivateKey(readFileSync('private-key.pem')).export({ type: 'pkcs8', format: 'der' });
const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, ${imports[algorithm] ?? imports['ed25519']}, false, ['sign']);
const client = await oauth.discovery(issuer, '${client_id}', undefined, oauth.PrivateKeyJwt(key), ${options});
const { access_token } = await oauth.clientCredentialsGrant(client);
const answer = await oauth.fetchProtectedResource(client, access_token, new URL('/v1/whoami', issuer), 'GET');
console.log(await answer.json());
`;
}
