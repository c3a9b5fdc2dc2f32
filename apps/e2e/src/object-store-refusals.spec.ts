import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { ObjectStore } from './object-store.js';

interface SentRequest {
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  body?: unknown;
}

/** Whoever reaches the store without the gateway must sign all the same, and what is signed cannot be changed. */
describe('the object store of the examples refuses', () => {
  let store: ObjectStore;
  const clients: S3Client[] = [];
  const Bucket = 'guarded';

  const clientWith = (changes: Partial<S3ClientConfig> = {}): S3Client => {
    const client = store.client(changes);
    clients.push(client);
    return client;
  };
  /** What S3 calls the refusal of a PUT whose request is changed after it was signed. */
  const refusalOf = async (
    changes: Partial<S3ClientConfig>,
    change: (request: SentRequest) => void,
    Body?: Readable,
  ) => {
    const client = clientWith(changes);
    client.middlewareStack.add(
      (next) => (args) => {
        change(args.request as SentRequest);
        return next(args);
      },
      { step: 'deserialize', priority: 'low' },
    );
    const Metadata = { m: '1' };
    const put = new PutObjectCommand({ Bucket, Key: 'k', Body: Body ?? 'the body', Metadata, ContentLength: 8 });
    return client.send(put).then(
      () => 'nothing',
      (error: Error) => error.name,
    );
  };

  beforeAll(async () => {
    store = await new ObjectStore().start();
    await clientWith().send(new CreateBucketCommand({ Bucket }));
  }, 30_000);
  afterEach(async () => {
    const { KeyCount } = await clientWith().send(new ListObjectsV2Command({ Bucket }));
    expect(KeyCount).toBe(0);
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await store?.end('SIGTERM');
    store?.remove();
  }, 30_000);

  const refused: [string, string, Partial<S3ClientConfig>, (request: SentRequest) => void][] = [
    [
      'another secret',
      'SignatureDoesNotMatch',
      { credentials: { accessKeyId: '', secretAccessKey: 'x' } },
      () => undefined,
    ],
    [
      'an unknown key',
      'InvalidAccessKeyId',
      { credentials: { accessKeyId: 'AK', secretAccessKey: 'x' } },
      () => undefined,
    ],
    ['another region', 'AuthorizationHeaderMalformed', { region: 'eu-west-1' }, () => undefined],
    ['a clock that is early', 'RequestTimeTooSkewed', { systemClockOffset: -16 * 60_000 }, () => undefined],
    ['a clock that is late', 'RequestTimeTooSkewed', { systemClockOffset: 16 * 60_000 }, () => undefined],
    ['another path', 'SignatureDoesNotMatch', {}, (request) => void (request.path = `/${Bucket}/other`)],
    ['another query', 'SignatureDoesNotMatch', {}, ({ query }) => void (query['tagging'] = '')],
    ['another header', 'SignatureDoesNotMatch', {}, ({ headers }) => void (headers['x-amz-meta-m'] = '2')],
    ['one more header', 'AccessDenied', {}, ({ headers }) => void (headers['x-amz-meta-n'] = '2')],
    ['one header less', 'SignatureDoesNotMatch', {}, ({ headers }) => void delete headers['x-amz-meta-m']],
    ['another body', 'XAmzContentSHA256Mismatch', {}, (request) => void (request.body = 'the b0dy')],
    [
      'another digest',
      'SignatureDoesNotMatch',
      {},
      ({ headers }) => void (headers['x-amz-content-sha256'] = 'a'.repeat(64)),
    ],
    [
      'an open body',
      'SignatureDoesNotMatch',
      {},
      ({ headers }) => void (headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'),
    ],
    ['no signature', 'AccessDenied', {}, ({ headers }) => void delete headers['authorization']],
    [
      'a signature of another kind',
      'AuthorizationHeaderMalformed',
      {},
      ({ headers }) => void (headers['authorization'] = 'AWS AK:c2ln'),
    ],
  ];
  test.each(refused)('%s', async (_, code, changes, change) => {
    const own = changes.credentials as { accessKeyId: string; secretAccessKey: string } | undefined;
    const credentials = own?.accessKeyId === '' ? { ...own, accessKeyId: store.credentials.accessKeyId } : own;
    expect(await refusalOf(credentials ? { credentials } : changes, change)).toBe(code);
  });

  test('bodies in signed or open chunks, which the gateway decodes', async () => {
    const body = Readable.from([Buffer.from('the '), Buffer.from('body')]);
    expect(await refusalOf({}, () => undefined, body)).toBe('NotImplemented');
  });

  test('presigned URLs that were changed or have expired, and takes the others', async () => {
    const client = clientWith();
    const get = new GetObjectCommand({ Bucket, Key: 'not there é +' });
    const codeOf = async (url: string) => /<Code>(\w+)</.exec(await (await fetch(url)).text())?.[1];
    const url = await getSignedUrl(client, get, { expiresIn: 600 });
    expect(await codeOf(url)).toBe('NoSuchKey');
    expect(await codeOf(url.replace('not%20there', 'elsewhere'))).toBe('SignatureDoesNotMatch');
    expect(await codeOf(url.replace('Expires=600', 'Expires=6000'))).toBe('SignatureDoesNotMatch');
    expect(await codeOf(`${url}&versionId=null`)).toBe('SignatureDoesNotMatch');
    expect(await codeOf(`${url}&X-Amz-Expires=600`)).toBe('AuthorizationQueryParametersError');
    const put = await fetch(url, { method: 'PUT', body: 'x' });
    expect(await put.text()).toContain('<Code>SignatureDoesNotMatch<');
    const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
    const signed = (seconds: number) => getSignedUrl(client, get, { expiresIn: 3600, signingDate: ago(seconds) });
    expect(await codeOf(await signed(3500))).toBe('NoSuchKey');
    expect(await codeOf(await signed(3700))).toBe('AccessDenied');
    expect(await codeOf(await signed(-1000))).toBe('RequestTimeTooSkewed');
  });
});
