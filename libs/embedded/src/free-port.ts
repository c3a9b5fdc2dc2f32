import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below what Linux and macOS give to whoever asks for any port, which would take one of them in the moment before it is listened on. */
const [lowest, highest] = [15_000, 32_000];
const tries = 100;

/**
 * A TCP port that nobody listened on a moment ago, picked by chance. Another process may take it first: whoever uses it must be ready to
 * try again.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let n = 0; n < tries; n++) {
    const port = randomInt(lowest, highest);
    if (await isPortFree(port, host)) return port;
  }
  throw new Error(`no free port on ${host} between ${lowest} and ${highest}`);
}

/** Whether a server could listen on `port` of `host` now. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
