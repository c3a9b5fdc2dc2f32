import { connect, type Socket } from 'node:net';
import { eventually } from '@portcullis/testing';
import { type HttpAnswer } from './client.js';
import { type Access, type Prepared, type Revocation } from './revocations.js';
import { type World } from './world.js';

/** One request and what came of it. */
export interface Blow {
  readonly url: string;
  /** `performance.now()`, read right before its first byte went to the kernel. */
  readonly sentAtMs: number;
  /** 0: the connection ended without an answer. */
  readonly status: number;
}

/** A request that was sent after the revoking call was answered, and was let through. */
export interface Violation {
  readonly seed: number;
  readonly trial: number;
  readonly kind: string;
  readonly gateway: string;
  readonly status: number;
  readonly answeredAtMs: number;
  readonly sentAtMs: number;
}

export interface Struck {
  readonly blows: readonly Blow[];
  /** When the revoking call began, and when the head of the answer came that gives the promise. */
  readonly askedAtMs: number;
  /** Infinity: no call promised anything, because the credential that would ask again is itself over. */
  readonly answeredAtMs: number;
  readonly answer: HttpAnswer;
  /** Of `blows`: sent after the answer and not refused. */
  readonly stale: readonly Blow[];
}

export interface Outcome extends Pick<Struck, 'askedAtMs' | 'answeredAtMs'> {
  readonly trial: number;
  readonly kind: string;
  readonly requests: number;
  /** Of these, sent after the answer. */
  readonly after: number;
  readonly violations: readonly Violation[];
}

/** The same numbers for the same seed, from 0 to below 1. */
export function seeded(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const patienceMilliseconds = 90_000;
/** The longest that a client rests between two requests. */
const restMilliseconds = 60;

/** A kept connection to a gateway: one request at a time, each with the moment in which it was sent. */
export class Connection {
  #socket: Socket | undefined;
  #received = '';
  #answered: ((status: number) => void) | undefined;

  constructor(readonly url: string) {}

  /** Connects. Rejects if nobody listens. */
  open(): Promise<void> {
    const { hostname, port } = new URL(this.url);
    return new Promise((resolve, reject) => {
      const socket = connect({ port: Number(port), host: hostname, noDelay: true });
      socket.setEncoding('latin1').on('data', (text: string) => this.#hear(text));
      socket.setTimeout(patienceMilliseconds, () => socket.destroy());
      socket.once('connect', () => {
        this.#socket = socket;
        resolve();
      });
      socket.on('error', reject);
      socket.on('close', () => {
        if (this.#socket !== socket) return;
        this.#socket = undefined;
        this.#end(0);
      });
    });
  }

  /** Sends at once where the connection is open. Never rejects. */
  async send(request: string): Promise<Blow> {
    const { url } = this;
    if (!this.#socket) await this.open().catch(() => undefined);
    const socket = this.#socket;
    const answered = new Promise<number>((resolve) => (this.#answered = resolve));
    const sentAtMs = performance.now();
    if (socket) socket.write(request);
    else this.#end(0);
    return { url, sentAtMs, status: await answered };
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** The gateway's own answers have a length, and so have the upstream's here; after any other the connection is given up. */
  #hear(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#received.slice(0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (length && this.#received.length < end + 4 + Number(length[1])) return;
    if (!length || /\r\nconnection: *close/i.test(head)) this.close();
    this.#end(Number(head.slice(9, 12)));
  }

  #end(status: number): void {
    this.#received = '';
    this.#answered?.(status);
    this.#answered = undefined;
  }
}

/** The bytes of a request. */
export function requestOf({ path, token, headers = {} }: Access): string {
  const lines = Object.entries({ Host: 'gate', Authorization: `Bearer ${token}`, ...headers });
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

const accepted = (status: number): boolean => status >= 200 && status < 300;

/** One that sends the same request until it is told to stop. */
interface Client {
  accepted: number;
  /** Answers to what it sent after the revoking call was answered. */
  after: number;
  last: number;
}

/**
 * Hammers every gateway with the accesses of one credential, takes it away, and goes on hammering. In the moment of the answer every
 * client that rests sends at once.
 */
export async function strike(
  urls: readonly string[],
  prepared: Prepared,
  given: {
    random: () => number;
    /** Clients for each access at each gateway. */
    clientsEach?: number;
    /** Runs as soon as the clients have been woken. */
    answered?: () => unknown;
  },
): Promise<Struck> {
  const { random, clientsEach = 2 } = given;
  const blows: Blow[] = [];
  const resting = new Set<() => void>();
  let answeredAtMs = Infinity;
  let isOver = false;
  const rest = (): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        resting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, random() * restMilliseconds);
      resting.add(end);
    });
  const wake = (): void => [...resting].forEach((end) => end());
  const drive = async (client: Client, url: string, request: string): Promise<void> => {
    const connection = new Connection(url);
    while (!isOver) {
      const blow = await connection.send(request);
      blows.push(blow);
      client.last = blow.status;
      if (accepted(blow.status)) client.accepted += 1;
      if (blow.sentAtMs > answeredAtMs) client.after += 1;
      await rest();
    }
    connection.close();
  };

  const clients: Client[] = [];
  const driven = prepared.accesses.flatMap((access) =>
    urls.flatMap((url) =>
      Array.from({ length: clientsEach }, () => {
        const client = { accepted: 0, after: 0, last: 0 };
        clients.push(client);
        return drive(client, url, requestOf(access));
      }),
    ),
  );
  try {
    const [before, after] = [1 + Math.floor(random() * 3), 2 + Math.floor(random() * 4)];
    await eventually(() => clients.every((client) => client.accepted >= before), patienceMilliseconds);
    const askedAtMs = performance.now();
    const { answer, promised } = await untilPromised(prepared);
    answeredAtMs = promised ? answer.receivedAtMs : Infinity;
    wake();
    given.answered?.();
    if (promised) {
      // A 503 says nothing of the credential: each gateway is asked until it can tell.
      const hasTold = ({ after: sent, last }: Client): boolean => sent >= after && last !== 503 && last !== 0;
      await eventually(() => clients.every(hasTold), patienceMilliseconds);
    }
    isOver = true;
    wake();
    await Promise.all(driven);
    const refusals = [0, 503, ...prepared.afterwards];
    const stale = blows.filter(({ sentAtMs, status }) => sentAtMs > answeredAtMs && !refusals.includes(status));
    return { blows, askedAtMs, answeredAtMs, answer, stale };
  } finally {
    isOver = true;
    wake();
  }
}

/** Repeats the revoking call as long as it is answered with 503, as the contract says. */
async function untilPromised(prepared: Prepared): Promise<{ answer: HttpAnswer; promised: boolean }> {
  for (let attempt = 1, until = performance.now() + patienceMilliseconds; ; attempt++) {
    const answer = await prepared.revoke(attempt).catch((error: Error) => error);
    if (!(answer instanceof Error)) {
      if (prepared.isDone(answer, attempt)) return { answer, promised: true };
      if (attempt > 1 && prepared.cannotRepeat && answer.status === 401) return { answer, promised: false };
      if (answer.status !== 503) throw new Error(`the revoking call was answered ${answer.status}: ${answer.text}`);
    }
    if (performance.now() > until) throw new Error('the revoking call was never answered', { cause: answer });
    // Who is told to come again after a moment does not ask a thousand times in it.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Takes credentials away, `atOnce` at a time, one of each kind in turn in a seeded order, while clients hammer every gateway with
 * them. What is thrown, beside a violation, is a story that could not be told: the credential did not work, or was not taken away.
 */
export async function hammer(given: {
  world: World;
  urls: readonly string[];
  kinds: readonly Revocation[];
  trials: number;
  seed: number;
  atOnce: number;
  /** How often a credential may fail to be made: more than once where parts are being broken meanwhile. */
  tries?: number;
  told?: (outcome: Outcome) => void;
}): Promise<Outcome[]> {
  const { world, urls, kinds, trials, seed, atOnce, tries = 1 } = given;
  const order = shuffled(trials, kinds, seeded(seed));
  const outcomes: Outcome[] = [];
  const turns = new Map<string, Promise<unknown>>();
  let next = 0;
  let failure: Error | undefined;

  const one = async (trial: number, kind: Revocation): Promise<void> => {
    const random = seeded(seed * 100_003 + trial);
    const prepared = await prepare(kind, world, tries);
    const struck = await strike(urls, prepared, { random });
    const { askedAtMs, answeredAtMs, blows } = struck;
    const violations = struck.stale.map(({ url, status, sentAtMs }): Violation => {
      return { seed, trial, kind: kind.name, gateway: url, status, answeredAtMs, sentAtMs };
    });
    const after = blows.filter(({ sentAtMs }) => sentAtMs > answeredAtMs).length;
    const outcome = { trial, kind: kind.name, requests: blows.length, after, violations, askedAtMs, answeredAtMs };
    outcomes.push(outcome);
    given.told?.(outcome);
  };
  const work = async (): Promise<void> => {
    while (next < trials && !failure) {
      const trial = next++;
      const kind = order[trial] as Revocation;
      const before = kind.turn === undefined ? undefined : turns.get(kind.turn);
      const done = Promise.resolve(before).then(() => one(trial, kind));
      if (kind.turn !== undefined)
        turns.set(
          kind.turn,
          done.catch(() => undefined),
        );
      await done.catch((error: unknown) => {
        failure ??= new Error(`seed ${seed}, trial ${trial}, ${kind.name}: ${String(error)}`, { cause: error });
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (failure) throw failure;
  return outcomes;
}

async function prepare(kind: Revocation, world: World, tries: number): Promise<Prepared> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await kind.prepare(world);
    } catch (error) {
      if (attempt >= tries) throw error;
    }
  }
}

/** Every kind equally often, in an order that is another for each seed. */
function shuffled(length: number, kinds: readonly Revocation[], random: () => number): Revocation[] {
  const order = Array.from({ length }, (_, n) => kinds[n % kinds.length] as Revocation);
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [order[at], order[other]] = [order[other] as Revocation, order[at] as Revocation];
  }
  return order;
}
