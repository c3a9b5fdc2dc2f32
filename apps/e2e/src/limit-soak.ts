import { administrator } from './client.js';
import { startStack } from './stack.js';
import { steadyLoad } from './steady-load.js';
import { startUpstream } from './upstream.js';

/**
 * The long form of what `use.spec.ts` holds in short: a key of a thousand requests a second on three gateways of a real stack, under
 * more load than that. `node apps/e2e/dist/limit-soak.js [limit a second] [load a second] [seconds]`; exits 1 where more or less than
 * the limit passes, to 5 %, and 2 where this machine cannot send the load.
 */
const [limit = 1_000, load = 1_500, seconds = 10] = process.argv.slice(2).map(Number);
const upstream = await startUpstream();
const stack = await startStack({
  env: { PORTCULLIS_GATEWAYS: '3', PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: upstream.url },
});
try {
  const { urls } = stack;
  const admin = await administrator(stack);
  const aKey = async (given: object): Promise<string> => {
    const made = await admin.post('/v1/api-keys', { name: 'limited', permissions: ['counterparties:view'], ...given });
    return made.json.credentials.bearer_token as string;
  };
  const underLoad = { urls, path: '/v1/counterparties', perSecond: load };
  // Until the machine is warm, and the gateways have counted one another, which they do every five seconds.
  await steadyLoad({ ...underLoad, token: await aKey({}), seconds: 8 });
  const token = await aKey({ rate_limit: { requests: limit, per_seconds: 1 } });
  const seen = await steadyLoad({ ...underLoad, token, seconds });
  const passed = seen.answers.get(200) ?? 0;
  const part = passed / (limit * seconds);
  const others = [...seen.answers].filter(([status]) => status !== 200 && status !== 429);
  process.stdout.write(
    `${seen.sent} sent in ${seconds} s, ${seen.late} answered later, ${passed} passed: ${(part * 100).toFixed(1)} % of the limit` +
      `${others.map(([status, count]) => `, ${count} × ${status}`).join('')}\n`,
  );
  if (seen.sent - seen.late < limit * seconds * 1.05) process.exitCode = 2;
  else if (Math.abs(part - 1) > 0.05) process.exitCode = 1;
} finally {
  await stack.stop();
  stack.remove();
  await upstream.stop();
}
