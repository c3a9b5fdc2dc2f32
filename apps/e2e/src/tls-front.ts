import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';

/** Ends TLS before a plain listener, as a balancer does that passes everything else through, `Host` included. */
export async function tlsFront(
  target: string,
  certificate: { readonly cert: string; readonly key: string },
): Promise<{ url: string; close(): Promise<void> }> {
  const { port } = new URL(target);
  const server = createServer(certificate, (client) => {
    const behind = connect(Number(port), '127.0.0.1');
    client.pipe(behind).pipe(client);
    client.on('error', () => behind.destroy()).on('close', () => behind.destroy());
    behind.on('error', () => client.destroy()).on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
