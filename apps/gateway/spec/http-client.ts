import { once } from 'node:events';
import { type IncomingHttpHeaders, request as httpRequest, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type mintApiKey } from '@portcullis/credentials';

export interface Sent {
  port: number;
  key?: ReturnType<typeof mintApiKey>;
  body?: string;
  headers?: Record<string, string | string[]>;
}

export interface Got {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json:
    | {
        code?: string;
        errors?: { field: string; message: string }[];
        decision_id?: string;
        required_permission?: string;
      }
    | undefined;
}

export function send(method: string, path: string, { key, body, headers = {}, port }: Sent): Promise<Got> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        port,
        method,
        path,
        agent: false,
        headers: {
          ...(key ? { Authorization: `Bearer ${key.text.reveal()}` } : {}),
          ...(body === undefined
            ? {}
            : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== '';
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: isJson ? (JSON.parse(text) as Got['json']) : undefined,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** What a bare socket gets back for these bytes. */
export async function talk(port: number, text: string): Promise<string> {
  let got = '';
  const socket = connect(port, '127.0.0.1');
  socket.on('data', (part: Buffer) => (got += part.toString()));
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return got;
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
