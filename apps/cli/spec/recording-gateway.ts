import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo } from 'node:net';

export interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface Prepared {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body: unknown;
}

/** An HTTP server that writes down what came and answers what it was told to. */
export interface RecordingGateway {
  readonly url: string;
  readonly came: Recorded[];
  /** For every request from now on. */
  answer(next: (request: Recorded) => Prepared | Promise<Prepared>): void;
  close(): Promise<void>;
}

export async function startRecordingGateway(): Promise<RecordingGateway> {
  const came: Recorded[] = [];
  let answer: (request: Recorded) => Prepared | Promise<Prepared> = () => ({ body: {} });
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      const { method = '', url = '', headers } = request;
      const recorded = { method, url, headers, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
      came.push(recorded);
      const { status = 200, headers: more = {}, body } = await answer(recorded);
      response.writeHead(status, { 'Content-Type': 'application/json', ...more });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    came,
    answer: (next) => (answer = next),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
