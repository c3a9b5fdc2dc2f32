import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { closingWords, threeCommands, type ClosingFacts } from './closing-words.js';

/** Stands in for the gateway: one person, one key, one path. */
let server: Server;
let facts: ClosingFacts;
const password = `it's "odd" \\ $HOME`;
beforeAll(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = parts.length > 0 ? (JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>) : {};
      const bearer = request.headers.authorization;
      const answers: Record<string, () => unknown> = {
        '/v1/login': () =>
          [password, 'Generated-1'].includes(body['password'] as string) &&
          body['email'] === facts.email && { access_token: 'a.b-c', expires_in: 1 },
        '/v1/api-keys': () =>
          bearer === 'Bearer a.b-c' && { id: 'key_1', roles: body['roles'], credentials: { bearer_token: 'ptc_x' } },
        '/v1/counterparties': () => bearer === 'Bearer ptc_x' && { items: ['it works'] },
      };
      const answer = answers[request.url ?? '']?.();
      response.writeHead(answer ? 200 : 401).end(JSON.stringify(answer || {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  facts = {
    url,
    email: 'admin@portcullis.local',
    newPassword: null,
    examplePath: '/v1/counterparties',
    home: '/srv/p',
    exampleStore: false,
  };
});
afterAll(() => server.close());

/** Types the commands into a plain shell, with `input` as what the person types. */
function paste(commands: readonly string[], input: string): Promise<string> {
  const child = spawn('sh', ['-c', commands.join('\n')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(input);
  let text = '';
  child.stdout.on('data', (part: Buffer) => (text += part.toString()));
  return new Promise((resolve) => child.on('close', () => resolve(text)));
}

test('after a first start the three commands work as they are', async () => {
  expect(await paste(threeCommands({ ...facts, newPassword: 'Generated-1' }), '')).toBe('{"items":["it works"]}\n');
});

test('after a later start the first one asks for the password, which may hold any character', async () => {
  expect(await paste(threeCommands(facts), `${password}\n`)).toBe('Password: {"items":["it works"]}\n');
});

test('a password is shown only if it is new', () => {
  expect(closingWords({ ...facts, newPassword: 'Generated-1' })).toMatch(/password {8}Generated-1/);
  expect(closingWords(facts)).not.toMatch(/shown this once/);
  expect(closingWords(facts)).not.toMatch(/object storage/);
  expect(closingWords({ ...facts, exampleStore: true })).toMatch(/object storage {2}an example store, for trying out/);
});
