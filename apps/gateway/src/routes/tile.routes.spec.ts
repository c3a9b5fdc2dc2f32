import { type Operation, Refusal } from '@portcullis/contracts';
import { aGateway } from '../../spec/gateway.js';
import { send as sendTo, type Sent } from '../../spec/http-client.js';
import { bare, held, permissions } from '../../spec/services.js';
import { allowedMethods } from './control-routes.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
/** What `audit` answers, and what it was asked. */
let answering: (request: Record<string, unknown>) => unknown;
const asked: Record<string, unknown>[] = [];
beforeAll(async () => {
  permissions.push('audit:view');
  gateway = await aGateway();
  const { routes } = gateway.parts;
  const others = routes.ask.bind(routes);
  Object.assign(routes, {
    ask: async (operation: Operation, request: Record<string, unknown>, ...rest: [readonly string[], never]) => {
      if (!operation.subject.startsWith('audit.')) return others(operation, request, ...rest);
      asked.push(request);
      return operation.reply.parse(await answering(request));
    },
  });
});
beforeEach(() => (asked.length = 0));
afterAll(() => gateway.close());

const send = (method: string, path: string, sent: Omit<Sent, 'port'> = {}) =>
  sendTo(method, path, { key: held, ...sent, port: gateway.port });
/** Every byte there is: none of them is text to anybody. */
const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));

describe('a tile', () => {
  test('is bytes as they are, which the caller’s own cache may keep for good', async () => {
    answering = () => ({ hashes: bytes.toString('base64') });
    const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/audit/log/tile/0/x001/x234/067.p/8`, {
      headers: { Authorization: `Bearer ${held.text.reveal()}` },
    });
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '256',
      'cache-control': 'private, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    expect(asked).toEqual([{ path: 'tile/0/x001/x234/067.p/8' }]);
  });

  test.each(['0/000', '2/x001/000', '63/000.p/1', 'entries/000', '0/000/'])(
    'is asked for by what stands in the path: %s',
    async (path) => {
      answering = () => ({ hashes: '' });
      await send('GET', `/v1/audit/log/tile/${path}`);
      expect(asked).toEqual([{ path: `tile/${path}` }]);
    },
  );

  test('that is not there is said in the words of the log, and kept by no cache', async () => {
    answering = () => {
      throw new Refusal('not_found', 'The log has no such tile.');
    };
    const got = await send('GET', '/v1/audit/log/tile/0/999');
    expect(got).toMatchObject({ status: 404, json: { code: 'not_found', detail: 'The log has no such tile.' } });
    expect(got.headers['cache-control']).toBe('no-store');
  });

  test('takes no parameters and no other method, and needs a permission', async () => {
    answering = () => ({ hashes: '' });
    const path = '/v1/audit/log/tile/0/x001/000';
    expect(await send('GET', `${path}?v=1`)).toMatchObject({ status: 400, json: { errors: [{ field: 'v' }] } });
    const posted = await send('POST', path, { body: '{}' });
    expect([posted.status, posted.headers['allow']]).toEqual([405, 'GET, HEAD']);
    expect(await send('GET', path, { key: bare })).toMatchObject({ status: 403 });
    expect(await sendTo('GET', path, { port: gateway.port })).toMatchObject({ status: 401 });
    expect(asked).toEqual([]);
    const head = await send('HEAD', path);
    expect([head.status, head.text]).toEqual([200, '']);
  });
});

test.each(['0', '0/'])('a level alone is no tile: %s', async (path) => {
  expect(await send('GET', `/v1/audit/log/tile/${path}`)).toMatchObject({ status: 404 });
  expect(asked).toEqual([]);
});

test('the checkpoint lies beside the tiles too', async () => {
  answering = () => ({ checkpoint: 'log.example/audit\n1\nroot\n\n— log.example/audit sig\n' });
  const got = await send('GET', '/v1/audit/log/checkpoint');
  expect([got.status, got.text]).toEqual([200, 'log.example/audit\n1\nroot\n\n— log.example/audit sig\n']);
  expect(got.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  expect(await send('GET', '/v1/audit/log/checkpoint', { key: bare })).toMatchObject({ status: 403 });
});

test.each([
  ['/v1/audit/log/tile/0/000', ['GET', 'HEAD']],
  ['/v1/audit/log/tile/0/x001/x234/067.p/8', ['GET', 'HEAD']],
  ['/v1/audit/log/tile/0', []],
  ['/v1/audit/log/tile//000', []],
  ['/v1/audit/log/tile', []],
])('%s takes %j', (path, methods) => {
  expect(allowedMethods(path)).toEqual(methods);
});
