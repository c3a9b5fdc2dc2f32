import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
}

/** A real receiver on this machine. `answer` may be exchanged; it answers 204 at first. */
export async function webhookReceiver() {
  const received: Received[] = [];
  const receiver = {
    received,
    url: '',
    answer: (_request: Received, response: ServerResponse): void => void response.writeHead(204).end(),
    /** What arrived that the reference library takes under a secret. Throws where it does not. */
    verified: (secret: string): { id: string; data: { id: string; organization_id: string } }[] =>
      received.map(({ headers, body }) => new Webhook(secret).verify(body, headers as Record<string, string>) as never),
    ids: (): (string | string[] | undefined)[] => received.map(({ headers }) => headers['webhook-id']),
    close: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const one = { headers: request.headers, body: Buffer.concat(pieces).toString(), path: request.url ?? '' };
      received.push(one);
      receiver.answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return receiver;
}

export type WebhookReceiver = Awaited<ReturnType<typeof webhookReceiver>>;
