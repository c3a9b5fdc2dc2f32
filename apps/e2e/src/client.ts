import { request as send } from 'node:http';
import { noteCookies, notePassword, noteSecrets } from './secret-sweep.js';

/** An answer as it came. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // A story reads fields of many shapes; the contract's own schemas are checked where a shape matters.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  json: any;
  /** `performance.now()` when its head had come. */
  receivedAtMs: number;
}

/** A plain HTTP client over node:http, which sends exactly what it is told and follows nothing. */
export class Client {
  constructor(
    private readonly url: string,
    private readonly token?: string,
    private readonly organization?: string,
  ) {}

  /** The same address, with another credential. */
  as(token: string): Client {
    return new Client(this.url, token);
  }

  /** The same person, where they act in this one of their organizations. */
  in(organization: string): Client {
    return new Client(this.url, this.token, organization);
  }

  get(path: string, headers?: Record<string, string>): Promise<HttpAnswer> {
    return this.send('GET', path, undefined, headers);
  }

  post(path: string, body: unknown, headers?: Record<string, string>): Promise<HttpAnswer> {
    notePassword(body);
    return this.send('POST', path, JSON.stringify(body), { 'Content-Type': 'application/json', ...headers });
  }

  delete(path: string): Promise<HttpAnswer> {
    return this.send('DELETE', path);
  }

  send(
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    const authorization = this.token === undefined ? {} : { Authorization: `Bearer ${this.token}` };
    const acting = this.organization === undefined ? {} : { 'X-Org-ID': this.organization };
    const { hostname, port } = new URL(this.url);
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
      const request = send({
        hostname,
        port,
        method,
        path,
        headers: { ...authorization, ...acting, ...length, ...headers },
        agent: false,
      });
      request.on('error', reject);
      request.on('response', (response) => {
        const receivedAtMs = performance.now();
        // A stream of events has no end: that it was begun is the answer.
        if (/^text\/event-stream/.test(response.headers['content-type'] ?? '')) {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: '',
            json: undefined,
            receivedAtMs,
          });
          request.destroy();
          return;
        }
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const json = parse(text);
          noteSecrets(json);
          noteCookies(response.headers['set-cookie']);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json, receivedAtMs });
        });
      });
      request.setTimeout(60_000, () => request.destroy(new Error(`${method} ${path} took longer than a minute`)));
      request.end(body);
    });
  }
}

/** Signs in as a stack's first administrator. */
export async function administrator(stack: { url: string; email: string; password: string }): Promise<Client> {
  const anyone = new Client(stack.url);
  const login = await anyone.post('/v1/login', { email: stack.email, password: stack.password });
  return anyone.as(login.json.access_token as string);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
