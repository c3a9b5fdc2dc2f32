import { Agent, request } from 'node:http';

export interface SteadyLoad {
  /** Addresses of gateways; arrivals go to each in turn. */
  readonly urls: readonly string[];
  readonly token: string;
  readonly path: string;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface LoadSeen {
  /** By status. */
  readonly answers: ReadonlyMap<number, number>;
  /** How many were sent; fewer than was asked for where this machine cannot. */
  readonly sent: number;
  /** Of those, how many were answered only after the time was over: this machine has a backlog, and no steady load. */
  readonly late: number;
}

/** Sends so many requests a second, evenly, whether or not those before are answered, and waits for all answers. */
export async function steadyLoad({ urls, token, path, perSecond, seconds }: SteadyLoad): Promise<LoadSeen> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answers = new Map<number, number>();
  let isOver = false;
  let late = 0;
  const count = (status: number): void => {
    answers.set(status, (answers.get(status) ?? 0) + 1);
    if (isOver) late += 1;
  };
  const one = (url: string): Promise<void> =>
    new Promise((done) => {
      const outgoing = request(`${url}${path}`, { agent, headers: { Authorization: `Bearer ${token}` } }, (answer) => {
        count(answer.statusCode ?? 0);
        answer.resume();
        answer.on('close', done);
      });
      outgoing.on('error', () => {
        count(0);
        done();
      });
      outgoing.end();
    });

  const underWay: Promise<void>[] = [];
  const startedMs = performance.now();
  let sent = 0;
  await new Promise<void>((over) => {
    const timer = setInterval(() => {
      const elapsed = (performance.now() - startedMs) / 1_000;
      // Of a turn that came late only what belongs in half a second is made up for: a burst is no steady load.
      const due = Math.min(Math.floor(Math.min(elapsed, seconds) * perSecond), sent + perSecond / 2);
      for (; sent < due; sent++) underWay.push(one(urls[sent % urls.length] ?? ''));
      if (elapsed < seconds) return;
      clearInterval(timer);
      over();
    }, 5);
  });
  isOver = true;
  await Promise.all(underWay);
  agent.destroy();
  return { answers, sent, late };
}
