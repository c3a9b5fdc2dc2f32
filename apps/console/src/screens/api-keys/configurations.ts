import { type Credentials } from '../../api/api-keys';

/** One file or command of a configuration. */
export interface Step {
  readonly title: string;
  readonly text: string;
}

export interface Configuration {
  readonly tool: 'curl' | 'aws' | 'rclone' | 'openid-client';
  readonly about: string;
  readonly steps: readonly Step[];
}

export interface Issued {
  /** What the key is called: profiles and files are named after it. */
  readonly name: string;
  readonly roles: readonly string[];
  readonly buckets: 'all' | readonly string[] | null;
  readonly credentials: Credentials;
}

export interface Addresses {
  /** Of the gateway, without a slash at its end. */
  readonly gateway: string;
  /** As the installation calls itself: OAuth clients compare it. */
  readonly issuer: string;
}

/** What signatures are for unless the installation sets `S3_REGION`. */
const region = 'us-east-1';

/**
 * How to use what was just made, ready to be saved: for each tool whose form the key has, and for no other. Secrets stand in files
 * alone, never in a command, where the shell's history and every process of the machine would see them.
 */
export function configurationsOf(issued: Issued, addresses: Addresses): Configuration[] {
  const { bearer_token, client_id, client_secret, access_key_id, secret_access_key, s3_endpoint } = issued.credentials;
  const name = slugOf(issued.name);
  const made: Configuration[] = [];
  if (bearer_token !== undefined) made.push(curl(name, bearer_token, addresses.gateway));
  if (access_key_id !== undefined && secret_access_key !== undefined && s3_endpoint !== undefined) {
    const s3 = { id: access_key_id, secret: secret_access_key, endpoint: s3_endpoint };
    made.push(aws(name, s3, issued), rclone(name, s3, issued));
  }
  if (client_id !== undefined && client_secret !== undefined)
    made.push(openidClient(name, { id: client_id, secret: client_secret }, addresses.issuer));
  return made;
}

/** A name that profiles, files and remotes can have: letters, digits and hyphens. */
export function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return slug || 'portcullis';
}

const curl = (name: string, token: string, gateway: string): Configuration => ({
  tool: 'curl',
  about: 'For the API: the key goes into a file that only you can read, and curl takes it from there.',
  steps: [
    {
      title: `Save as ${name}.curl, then: chmod 600 ${name}.curl`,
      text: `header = "Authorization: Bearer ${token}"\n`,
    },
    { title: 'Try it: who is this key?', text: `curl --config ${name}.curl ${gateway}/v1/whoami` },
  ],
});

interface S3 {
  readonly id: string;
  readonly secret: string;
  readonly endpoint: string;
}

/** Only administrators list buckets: whoever works on objects has to name one. */
const bucketOf = ({ buckets }: Issued): string =>
  (buckets === null || buckets === 'all' ? undefined : buckets[0]) ?? 'BUCKET';
const listsBuckets = ({ roles }: Issued): boolean => roles.some((role) => role.startsWith('storage:admin-'));

const aws = (name: string, { id, secret, endpoint }: S3, issued: Issued): Configuration => ({
  tool: 'aws',
  about: `For the AWS command line, version 2.13 or later. The region is ${region} unless this installation sets another.`,
  steps: [
    {
      title: 'Add to ~/.aws/credentials',
      text: `[${name}]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`,
    },
    {
      title: 'Add to ~/.aws/config',
      text: `[profile ${name}]\nregion = ${region}\nendpoint_url = ${endpoint}\ns3 =\n  addressing_style = path\n`,
    },
    {
      title: 'Try it',
      text: `aws s3 ls ${listsBuckets(issued) ? '' : `s3://${bucketOf(issued)} `}--profile ${name}`,
    },
  ],
});

const rclone = (name: string, { id, secret, endpoint }: S3, issued: Issued): Configuration => ({
  tool: 'rclone',
  about: 'Any other S3 tool takes the same four values: endpoint, region, access key id and secret access key.',
  steps: [
    {
      title: 'Add to ~/.config/rclone/rclone.conf',
      text: [
        `[${name}]`,
        'type = s3',
        'provider = Other',
        `access_key_id = ${id}`,
        `secret_access_key = ${secret}`,
        `endpoint = ${endpoint}`,
        `region = ${region}`,
        'force_path_style = true',
        // Without it rclone tries to create the bucket before it writes.
        ...(issued.roles.includes('storage:admin-read-write') ? [] : ['no_check_bucket = true']),
        '',
      ].join('\n'),
    },
    {
      title: 'Try it',
      text: listsBuckets(issued) ? `rclone lsd ${name}:` : `rclone ls ${name}:${bucketOf(issued)}`,
    },
  ],
});

const openidClient = (name: string, { id, secret }: { id: string; secret: string }, issuer: string): Configuration => ({
  tool: 'openid-client',
  about:
    'For programs: a token for an hour by OAuth 2.0 client credentials, here with the library openid-client 6 of Node.',
  steps: [
    {
      title: `Save as ${name}.env, then: chmod 600 ${name}.env`,
      text: `ISSUER=${issuer}\nCLIENT_ID=${id}\nCLIENT_SECRET=${secret}\n`,
    },
    { title: `Save as ${name}.mjs`, text: program(issuer) },
    { title: 'Run it', text: `npm install openid-client@6\nnode --env-file=${name}.env ${name}.mjs` },
  ],
});

function program(issuer: string): string {
  const options = issuer.startsWith('http:')
    ? `{ algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }`
    : `{ algorithm: 'oauth2' }`;
  return `import * as oauth from 'openid-client';

const { ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env;
const client = await oauth.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  undefined,
  oauth.ClientSecretBasic(CLIENT_SECRET),
  ${options},
);
const { access_token } = await oauth.clientCredentialsGrant(client);
const answer = await oauth.fetchProtectedResource(client, access_token, new URL('/v1/whoami', ISSUER), 'GET');
console.log(await answer.json());
`;
}
