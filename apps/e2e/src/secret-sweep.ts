import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Msg, type NatsConnection } from '@nats-io/transport-node';

const secretFields = [
  'bearer_token',
  'client_secret',
  'secret_access_key',
  'access_token',
  'refresh_token',
  'key',
  'secret',
];
/** Shorter texts are no secrets of ours, and would be found by chance. */
const shortestSecret = 16;

/** What the clients of this spec file got as secrets, or said as passwords. A sweep looks for all of it. */
const issued = new Set<string>();

/** Keeps the secrets that an answer or a body has, whatever its shape. */
export function noteSecrets(json: unknown): void {
  if (typeof json !== 'object' || json === null) return;
  for (const [name, value] of Object.entries(json as Record<string, unknown>)) {
    if (typeof value !== 'string') noteSecrets(value);
    else if (name === 'invitation_url') note(new URLSearchParams(new URL(value).hash.slice(1)).get('token') ?? '');
    else if (secretFields.includes(name)) note(value);
  }
}

/** Keeps what an answer put into the browser: the gateway's only cookie is a session. */
export function noteCookies(cookies: readonly string[] = []): void {
  for (const cookie of cookies) note(cookie.slice(cookie.indexOf('=') + 1).split(';', 1)[0] ?? '');
}

/** Of a token its signature, or tag, is kept: without it a token is only what it says, and that may be anywhere. */
function note(secret: string): void {
  const needle = secret.split('.').at(-1) ?? '';
  if (needle.length >= shortestSecret) issued.add(needle);
}

/** Keeps the password that a body says. */
export function notePassword(body: unknown): void {
  const { password } = (body ?? {}) as { password?: unknown };
  if (typeof password === 'string' && password.length >= shortestSecret) issued.add(password);
}

/** Listens to a bus from now on. Nothing else may depend on a subject having no listener meanwhile. */
export class BusCapture {
  readonly #heard: Buffer[] = [];

  constructor(private readonly bus: NatsConnection) {
    bus.subscribe('>', { callback: (_, message) => void this.#heard.push(bytesOf(message)) });
  }

  /** Ends it. Answers all that was said. Rejects if the connection was lost: then it is not all. */
  async end(): Promise<Buffer[]> {
    if (this.bus.isClosed()) throw new Error('The bus was not heard to the end.');
    await this.bus.close();
    return this.#heard;
  }
}

/** A message of the bus: subject, headers and body. */
export function bytesOf({ subject, headers, data }: Msg): Buffer {
  const lines = (headers?.keys() ?? []).map((name) => `${name}: ${headers?.values(name).join()}\n`);
  return Buffer.concat([Buffer.from(`${subject} \n${lines.join('')}`), data]);
}

/**
 * Every place where a secret that was issued until now stands in the clear: in a file under `folder`, in what was written, on the
 * bus. Nobody may still be writing there.
 */
export function sweep(folder: string, { output, bus }: { output: string; bus: readonly Buffer[] }): string[] {
  const needles = new Needles(issued);
  return [
    ...filesUnder(folder).flatMap((path) => needles.in(contentOf(path)).map((needle) => `${needle} in ${path}`)),
    ...needles.in(Buffer.from(output)).map((needle) => `${needle} in what was written`),
    ...bus.flatMap((message) => {
      const [subject] = message.toString('latin1').split(' ', 1);
      return needles.in(message).map((needle) => `${needle} on the bus, ${subject}`);
    }),
  ];
}

/** The files under `folder` that hold one of these texts, in the clear. Files that go away meanwhile hold nothing. */
export function filesWith(folder: string, texts: readonly string[]): string[] {
  const needles = new Needles(texts);
  return filesUnder(folder).filter((path) => needles.in(contentOf(path)).length > 0);
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** Looks for many strings in one pass: a place is looked at closely where four bytes end like one of them. */
class Needles {
  readonly #byTail = new Map<number, Buffer[]>();
  readonly #filter = new Uint8Array(1 << 16);

  constructor(texts: Iterable<string>) {
    for (const text of texts) {
      const needle = Buffer.from(text);
      const tail = needle.readUInt32BE(needle.length - 4);
      this.#filter[slot(tail)] = 1;
      this.#byTail.set(tail, [...(this.#byTail.get(tail) ?? []), needle]);
    }
  }

  in(hay: Buffer): string[] {
    const found = new Set<string>();
    const filter = this.#filter;
    let tail = 0;
    for (let at = 0; at < hay.length; at++) {
      tail = (tail << 8) | (hay[at] as number);
      if (filter[slot(tail)] === 0) continue;
      for (const needle of this.#byTail.get(tail >>> 0) ?? []) {
        const from = at + 1 - needle.length;
        if (from >= 0 && hay.compare(needle, 0, needle.length, from, at + 1) === 0) found.add(needle.toString());
      }
    }
    return [...found];
  }
}

/** Looked up once: within jest a global is a hundred times as slow as this, and it is asked for at every byte. */
const { imul } = Math;
const slot = (tail: number): number => imul(tail, 0x9e3779b1) >>> 16;
