import cluster, { type Worker } from 'node:cluster';
import { setTimeout as wait } from 'node:timers/promises';
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, type Registry } from 'prom-client';

/** Given a process's own metrics, how it asks for the text of all processes that share its port. */
export type FleetMetrics = (own: Registry) => () => Promise<string>;

type Sample = MetricObjectWithValues<MetricValue<string>>[];

/** What the first process and its workers say to each other. */
type Message =
  | { readonly portcullis: 'ready' }
  /** A worker wants everybody's metrics. */
  | { readonly portcullis: 'gather'; readonly id: number }
  /** The first process wants a worker's. */
  | { readonly portcullis: 'sample'; readonly id: string }
  | { readonly portcullis: 'sampled'; readonly id: string; readonly sample: Sample }
  | { readonly portcullis: 'gathered'; readonly id: number; readonly text: string };

/** A worker that does not answer is left out of the metrics after this. */
const sampleMilliseconds = 2_000;
/** A worker that ended soon after its start is started again later and later. */
const firstWaitMilliseconds = 200;
const longestWaitMilliseconds = 10_000;
/** One that lived this long was sound. */
const soundMilliseconds = 30_000;
/** A stop that takes longer than a gateway gives itself is no stop. */
const stopMilliseconds = 34_000;
const pollMilliseconds = 25;
/** How long a worker that cannot decide yet leaves the port to the others. */
const patienceMilliseconds = 5_000;
/** EX_CONFIG: what no restart mends. */
const misconfigured = 78;

export interface Fleet {
  /** Called once, when each worker has said that it is ready. */
  readonly ready: () => void;
  readonly report: (line: string) => void;
  readonly exit: (code: number) => void;
}

/**
 * Runs `count` workers of this very program (`node:cluster`: they share its ports, and connections go round), starts another in the
 * place of each that ends, and ends them all at `stop`. A worker that does not accept its configuration ends everything with 78.
 */
export function runWorkers(
  count: number,
  { ready, report, exit }: Fleet,
): { stop: () => Promise<void>; hangUp: () => void } {
  const readyOnes = new Set<number>();
  const samples = new Map<string, { worker: number; take: (sample: Sample | undefined) => void }>();
  const timers = new Set<NodeJS.Timeout>();
  let waitMilliseconds = firstWaitMilliseconds;
  let wasReady = false;
  let stopping = false;
  let asked = 0;

  const start = (place: number): void => {
    const worker = cluster.fork({ PORTCULLIS_WORKER: String(place) });
    const startedMs = performance.now();
    worker.on('message', (message: Message) => {
      if (message.portcullis === 'ready') nowReady(worker);
      else if (message.portcullis === 'sampled') samples.get(message.id)?.take(message.sample);
      else if (message.portcullis === 'gather') void gather(worker, message.id);
    });
    worker.on('error', () => undefined); // its channel closed while something was being said; `exit` follows
    worker.once('exit', (code, signal) => ended({ worker, place }, code, signal, performance.now() - startedMs));
  };

  const nowReady = (worker: Worker): void => {
    readyOnes.add(worker.id);
    if (wasReady) report(`worker ${worker.id} is ready in the place of the one that ended`);
    if (wasReady || readyOnes.size < count) return;
    wasReady = true;
    ready();
  };

  const ended = (
    { worker, place }: { worker: Worker; place: number },
    code: number | null,
    signal: string | null,
    livedMilliseconds: number,
  ): void => {
    readyOnes.delete(worker.id);
    for (const { worker: of, take } of samples.values()) if (of === worker.id) take(undefined);
    if (stopping) return;
    if (code === misconfigured) return void stop().then(() => exit(misconfigured));
    if (livedMilliseconds > soundMilliseconds) waitMilliseconds = firstWaitMilliseconds;
    report(`worker ${worker.id} ended (${signal ?? `exit code ${code}`}); another takes its place`);
    const timer = setTimeout(() => {
      timers.delete(timer);
      start(place);
    }, waitMilliseconds);
    timers.add(timer);
    waitMilliseconds = Math.min(waitMilliseconds * 2, longestWaitMilliseconds);
  };

  const sampleOf = (worker: Worker): Promise<Sample | undefined> =>
    new Promise((resolve) => {
      const id = `${worker.id}.${++asked}`;
      const take = (sample: Sample | undefined): void => {
        clearTimeout(timer);
        samples.delete(id);
        resolve(sample);
      };
      const timer = setTimeout(() => take(undefined), sampleMilliseconds);
      samples.set(id, { worker: worker.id, take });
      tell(worker, { portcullis: 'sample', id });
    });

  const gather = async (asking: Worker, id: number): Promise<void> => {
    const taken = await Promise.all(living().map(sampleOf));
    const known = taken.filter((sample) => sample !== undefined);
    const text = await AggregatorRegistry.aggregate(known).metrics();
    tell(asking, { portcullis: 'gathered', id, text });
  };

  const stop = async (): Promise<void> => {
    stopping = true;
    for (const timer of timers) clearTimeout(timer);
    const gone = living().map((worker) => new Promise<void>((resolve) => void worker.once('exit', () => resolve())));
    for (const worker of living()) worker.process.kill('SIGTERM');
    const impatient = setTimeout(() => {
      for (const worker of living()) worker.process.kill('SIGKILL');
    }, stopMilliseconds);
    await Promise.all(gone);
    clearTimeout(impatient);
  };

  for (let place = 1; place <= count; place++) start(place);
  return {
    stop,
    hangUp: () => {
      for (const worker of living()) worker.process.kill('SIGHUP');
    },
  };
}

/** The worker's half. */
export const fromWorker = {
  /** Says so once `canDecide`, however long that takes. */
  async ready(canDecide: () => boolean): Promise<void> {
    while (!canDecide()) await wait(pollMilliseconds, undefined, { ref: false });
    say({ portcullis: 'ready' });
  },

  /** Waits for `canDecide`, but not for ever: who cannot decide should answer that itself. */
  async patience(canDecide: () => boolean): Promise<void> {
    const sinceMs = performance.now();
    while (!canDecide() && performance.now() - sinceMs < patienceMilliseconds) await wait(pollMilliseconds);
  },

  metrics: (own: Registry): (() => Promise<string>) => {
    const waiting = new Map<number, (text: string | undefined) => void>();
    let asked = 0;
    process.on('message', (message: Message) => {
      if (message.portcullis === 'gathered') waiting.get(message.id)?.(message.text);
      if (message.portcullis !== 'sample') return;
      const { id } = message;
      void own.getMetricsAsJSON().then((sample) => say({ portcullis: 'sampled', id, sample }));
    });
    return () =>
      new Promise((resolve) => {
        const id = ++asked;
        const take = (text: string | undefined): void => {
          clearTimeout(timer);
          waiting.delete(id);
          // Better one process's figures than none.
          resolve(text ?? own.metrics());
        };
        const timer = setTimeout(() => take(undefined), sampleMilliseconds * 2);
        waiting.set(id, take);
        say({ portcullis: 'gather', id });
      });
  },
};

const living = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

function tell(worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message);
}

function say(message: Message): void {
  if (process.connected) process.send?.(message);
}
