import { once } from 'node:events';
import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, type Server as NetServer } from 'node:net';
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
          const isJson = /[/+]json/.test(response.headers['content-type'] ?? '') && text !== '';
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
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  if (!socket.closed) await once(socket, 'close');
  return got;
}

/** An answer as it stands on the wire. */
export interface RawAnswer {
  status: number;
  head: string;
  body: string;
}

/** The answers in what a socket got back, strictly framed; throws on anything else between or behind them. `toHead`: the first is to HEAD. */
export function answersIn(text: string, { toHead = false } = {}): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== '') {
    const [head = '', status = ''] =
      /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n(?:[!-9;-~]+: ?[^\r\n]*\r\n)*\r\n/.exec(rest) ?? [];
    if (head === '') throw new Error(`no answer: ${JSON.stringify(rest.slice(0, 200))}`);
    rest = rest.slice(head.length);
    if (status.startsWith('1')) continue;
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
    const isChunked = /\r\ntransfer-encoding: chunked\r\n/i.test(head);
    const bodiless = toHead && answers.length === 0;
    if (!bodiless && (length === undefined) !== isChunked) throw new Error(`an answer without one framing: ${head}`);
    const framed = bodiless ? 0 : isChunked ? chunksLength(rest) : Number(length);
    if (rest.length < framed) throw new Error('an answer that breaks off');
    answers.push({ status: Number(status), head, body: rest.slice(0, framed) });
    rest = rest.slice(framed);
  }
  return answers;
}

function chunksLength(text: string): number {
  for (let at = 0; ;) {
    const [line = '', size = ''] = /^([0-9a-f]+)\r\n/i.exec(text.slice(at)) ?? [];
    const bytes = parseInt(size, 16);
    at += line.length + bytes + 2;
    if (line === '' || text.slice(at - 2, at) !== '\r\n') throw new Error('an answer with a broken chunk');
    if (bytes === 0) return at;
  }
}

export async function listen(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
