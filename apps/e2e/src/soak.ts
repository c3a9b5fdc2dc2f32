import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { downloadServer, slowDownloads } from './slow-downloads.js';
import { startStack } from './stack.js';

/**
 * The long form of what `fleet.spec.ts` holds in short: slow downloads through one gateway process of a real stack, and what they do
 * to its memory. `node apps/e2e/dist/soak.js [downloads] [megabytes each] [most growth in megabytes]`; exits 1 above it.
 */
const [count = 200, megabytes = 100, most = 160] = process.argv.slice(2).map(Number);
const server = downloadServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const { port: upstreamPort } = server.address() as AddressInfo;
const stack = await startStack({
  env: { PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: `http://127.0.0.1:${upstreamPort}` },
});
try {
  const use = await slowDownloads({
    port: Number(new URL(stack.url).port),
    path: `/public/download?megabytes=${megabytes}`,
    count,
    megabytes,
    pids: [stack.pidOf('gateway')],
  });
  const growth = use.peakMegabytes - use.beforeMegabytes;
  process.stdout.write(
    `${count} downloads of ${megabytes} MB, ${use.receivedMegabytes.toFixed(0)} MB in ${use.seconds.toFixed(0)} s: ` +
      `${use.beforeMegabytes.toFixed(0)} MB before, ${use.peakMegabytes.toFixed(0)} MB at most, ${growth.toFixed(0)} MB more\n`,
  );
  if (growth > most) process.exitCode = 1;
} finally {
  await stack.stop();
  stack.remove();
  server.close();
}
