import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Asks a gateway on the loopback interface for its status code. Its certificate is not looked at: nobody is between. */
export function askGateway(
  { port, tls }: { port: number; tls: boolean },
  { method = 'GET', path, body }: { method?: string; path: string; body?: unknown },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      method,
      path,
      timeout: 5_000,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      agent: false as const,
    };
    const received = (answer: IncomingMessage) => {
      answer.resume();
      answer.once('error', reject);
      answer.once('end', () => resolve(answer.statusCode ?? 0));
    };
    const asked = tls
      ? httpsRequest({ ...options, rejectUnauthorized: false }, received)
      : httpRequest(options, received);
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
