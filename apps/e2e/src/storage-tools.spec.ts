import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { selfSignedCertificate } from '@portcullis/testing';
import { administrator, type Client } from './client.js';
import { DocumentedPage } from './documented-page.js';
import { type Stack, startStack } from './stack.js';
import { tlsFront } from './tls-front.js';

const modules = resolve(import.meta.dirname, '../../../node_modules');

interface Page {
  /** What must be on the machine. */
  readonly tool: string;
  readonly page: string;
  /** Of what it writes. */
  readonly writes: readonly RegExp[];
}

const pages: readonly Page[] = [
  {
    tool: 'aws',
    page: 'aws-cli.md',
    writes: [/make_bucket: reports/, /with space & ünicode\.csv/, /a,b/, /remove_bucket: reports/],
  },
  { tool: 'rclone', page: 'rclone.md', writes: [/0 differences found/, /two & three\.txt/] },
  { tool: 's3cmd', page: 's3cmd.md', writes: [/s3:\/\/logs\/2026\/log\.txt/, /Bucket 's3:\/\/logs\/' removed/] },
  { tool: 'restic', page: 'restic.md', writes: [/no errors were found/, /restoring <Snapshot/] },
  { tool: 'curl', page: 'curl.md', writes: [/^hello$/m] },
  { tool: 'node', page: 'javascript.md', writes: [/Metropolis 10/, /uploaded 200/, /stored 7/, /read a cover/] },
];

/** Every page of `docs/object-storage` as a reader runs it, with real tools against a stack and its example store. */
describe('the documented tools', () => {
  const certificate = selfSignedCertificate();
  let stack: Stack;
  let admin: Client;
  let https: Awaited<ReturnType<typeof tlsFront>>;
  let home: string;
  let key: { id: string; credentials: Record<string, string> };

  beforeAll(async () => {
    stack = await startStack();
    admin = await administrator(stack);
    const made = await admin.post('/v1/api-keys', {
      name: 'tools',
      forms: ['bearer', 's3'],
      roles: ['storage:admin-read-write'],
    });
    expect(made.status).toBe(201);
    key = made.json as typeof key;
    https = await tlsFront(key.credentials['s3_endpoint']!, certificate);
    home = mkdtempSync(join(tmpdir(), 'portcullis-tools-'));
    writeFileSync(join(home, 'ca.pem'), certificate.cert);
  }, 180_000);
  afterAll(async () => {
    await https?.close();
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
    rmSync(home, { recursive: true, force: true });
  }, 60_000);

  /** A folder of its own, in which the packages of JavaScript are found. */
  function folder(name: string): string {
    const path = join(home, name);
    mkdirSync(path);
    symlinkSync(modules, join(path, 'node_modules'));
    return path;
  }

  test('a token is made, used and revoked as the first page says', async () => {
    const name = folder('readme');
    const { token } = admin as unknown as { token: string };
    const told = await new DocumentedPage('object-storage/README.md').run({
      folder: name,
      env: { HOME: name, URL: stack.url, TOKEN: token },
    });
    expect(told[1]).toMatch(/"name": *"first-bucket"/);
    expect(JSON.parse(told.at(-1) ?? '')).toMatchObject({ status: 'revoked', forms: ['bearer', 's3'] });
  }, 60_000);

  for (const { tool, page, writes } of pages) {
    (isToRun(tool) ? describe : describe.skip)(`${tool}, by ${page}`, () => {
      test.each(['http', 'https'])(
        'over %s',
        async (scheme) => {
          const name = folder(`${page}-${scheme}`);
          const ca = join(home, 'ca.pem');
          const told = await new DocumentedPage(`object-storage/${page}`).run({
            folder: name,
            env: {
              HOME: name,
              ACCESS_KEY_ID: key.credentials['access_key_id']!,
              SECRET_ACCESS_KEY: key.credentials['secret_access_key']!,
              S3_ENDPOINT: scheme === 'http' ? key.credentials['s3_endpoint']! : https.url,
              // Where each of them looks for an authority of one's own.
              SSL_CERT_FILE: ca,
              CURL_CA_BUNDLE: ca,
              NODE_EXTRA_CA_CERTS: ca,
              ...(tool === 'aws' && { AWS_CA_BUNDLE: ca }),
              NODE_NO_WARNINGS: '1',
            },
          });
          for (const pattern of writes) expect(told.join('\n')).toMatch(pattern);
          const buckets = await admin.as(key.credentials['bearer_token']!).get('/v1/storage/buckets');
          const names = (buckets.json.items as { name: string }[]).map(({ name: bucket }) => bucket);
          for (const bucket of names) await empty(bucket);
        },
        180_000,
      );
    });
  }

  /** What a page leaves: the next one, and the same over https, starts from nothing. */
  async function empty(bucket: string): Promise<void> {
    const { DeleteObjectsCommand, ListObjectsV2Command, S3Client } = await import('@aws-sdk/client-s3');
    const s3 = new S3Client({
      endpoint: key.credentials['s3_endpoint']!,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: {
        accessKeyId: key.credentials['access_key_id']!,
        secretAccessKey: key.credentials['secret_access_key']!,
      },
    });
    for (;;) {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
      if (Contents.length === 0) break;
      const Objects = Contents.map(({ Key }) => ({ Key }));
      await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    }
    s3.destroy();
    const gone = await admin.as(key.credentials['bearer_token']!).delete(`/v1/storage/buckets/${bucket}`);
    expect(gone.status).toBe(200);
  }
});

/** What a machine has of tools made elsewhere is a matter of chance, and of minutes: they are asked for by `npm run conformance`. */
function isToRun(tool: string): boolean {
  return ['curl', 'node'].includes(tool) || (process.env['PORTCULLIS_CONFORMANCE'] === '1' && isHere(tool));
}

function isHere(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
