import { createServer } from 'node:net';

/** A TCP port that nobody listened on a moment ago. Another process may take it first: whoever uses it must be ready to try again. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const port = await tryListening(0, host);
  if (port === null) throw new Error(`no free port on ${host}`);
  return port;
}

/** Whether a server could listen on `port` of `host` now. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await tryListening(port, host)) !== null;
}

function tryListening(port: number, host: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null));
    });
  });
}
