import { configurationsOf, type Issued, slugOf } from './configurations';

const addresses = { gateway: 'https://gateway.example', issuer: 'https://issuer.example' };
const s3 = {
  access_key_id: 'AKIA0123456789ABCDEF',
  secret_access_key: 'the-s3-secret',
  s3_endpoint: 'https://org.s3.example',
};
const every = { bearer_token: 'ptc_the-bearer', client_id: 'theclient', client_secret: 'the-client-secret', ...s3 };
const key = (some: Partial<Issued>): Issued => ({
  name: 'CI',
  roles: ['read'],
  buckets: null,
  credentials: {},
  ...some,
});
const tools = (issued: Issued) => configurationsOf(issued, addresses).map(({ tool }) => tool);
const stepsOf = (issued: Issued, tool: string) =>
  configurationsOf(issued, addresses).find((one) => one.tool === tool)?.steps ?? [];

test('each form has its tools and no others; a repeat, without secrets, has none', () => {
  expect(tools(key({ credentials: { bearer_token: 'ptc_x' } }))).toEqual(['curl']);
  expect(tools(key({ credentials: s3 }))).toEqual(['aws', 'rclone']);
  expect(tools(key({ credentials: every }))).toEqual(['curl', 'aws', 'rclone', 'openid-client']);
  const shown = { client_id: 'a', access_key_id: 'b', s3_endpoint: 'c', secret_already_shown: true } as const;
  expect(tools(key({ credentials: shown }))).toEqual([]);
});

test('a secret stands in a file that is saved, never in a command or a program', () => {
  const secrets = [every.bearer_token, every.client_secret, every.secret_access_key];
  const steps = configurationsOf(key({ credentials: every }), addresses).flatMap((one) => one.steps);
  const holding = steps.filter(({ text }) => secrets.some((secret) => text.includes(secret)));
  expect(holding).toHaveLength(4);
  for (const { title } of holding) expect(title).toMatch(/^(Save as \S+\.(curl|env)|Add to ~)/);
});

test('whoever cannot list buckets names one; whoever can, lists them', () => {
  const objects = key({ roles: ['storage:object-read-only'], buckets: ['reports', 'logs'], credentials: s3 });
  expect(stepsOf(objects, 'aws').at(-1)?.text).toBe('aws s3 ls s3://reports --profile ci');
  expect(stepsOf(objects, 'rclone').at(-1)?.text).toBe('rclone ls ci:reports');
  const admin = key({ roles: ['storage:admin-read-only'], buckets: 'all', credentials: s3 });
  expect(stepsOf(admin, 'aws').at(-1)?.text).toBe('aws s3 ls --profile ci');
});

test('OAuth goes to the issuer, curl to the gateway, S3 to the endpoint', () => {
  const all = key({ credentials: every });
  expect(stepsOf(all, 'openid-client')[0]?.text).toContain('ISSUER=https://issuer.example\n');
  expect(stepsOf(all, 'curl')[1]?.text).toContain(' https://gateway.example/v1/whoami');
  expect(stepsOf(all, 'aws')[1]?.text).toContain('endpoint_url = https://org.s3.example\n');
});

test.each([
  ['Nightly reports (EU)', 'nightly-reports-eu'],
  ['Zürich', 'zu-rich'],
  ['日本', 'portcullis'],
  [']\n[evil', 'evil'],
])('%j names its files %j', (name, slug) => expect(slugOf(name)).toBe(slug));
