import { Backstage } from './backstage.js';
import { hammer, type Outcome, seeded } from './hammer.js';
import { everyGatewayReady } from './readiness.js';
import { revocations } from './revocations.js';
import { stackFaults } from './stack-faults.js';
import { startWorldStack, World } from './world.js';

/**
 * The long form of what `revocation.spec.ts` holds in short: everything that can be taken away, under load on three gateways and two
 * replicas, while parts of the stack are killed, restarted and stopped. `node apps/e2e/dist/revocation-soak.js [trials] [seed]
 * [trials at once] [most trials between two faults]`; exits 1 where a request that was sent after the revoking call was answered was
 * let through.
 */
const [trials = 10_000, seed = Math.floor(Math.random() * 1_000_000), atOnce = 4, mostTrialsBetween = 30] = process.argv
  .slice(2)
  .map(Number);

/** From when it befell until every gateway could decide again. */
interface Time {
  readonly name: string;
  readonly fromMs: number;
  untilMs: number;
}

const { stack, stop } = await startWorldStack();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
say(`seed ${seed}, ${trials} trials, ${atOnce} at a time`);
try {
  const backstage = new Backstage(stack);
  const times: Time[] = [];
  let told = 0;
  let isOver = false;
  const faults = befall();
  faults.catch(() => undefined); // heard below
  const outcomes = await hammer({
    // The third gateway is the one that is made to stand still.
    world: await World.of(stack, stack.urls.slice(0, 2)),
    urls: stack.urls,
    kinds: revocations,
    trials,
    seed,
    atOnce,
    tries: 10,
    told: ({ violations }) => {
      told += 1;
      for (const violation of violations) say(`VIOLATION ${JSON.stringify(violation)}`);
      if (told % 500 === 0) say(`${told} trials, ${times.length} faults`);
    },
  })
    .catch((error: unknown) => {
      say(stack.output().slice(-10_000));
      throw error;
    })
    .finally(() => (isOver = true));
  await faults;
  report(outcomes, times);
  if (outcomes.some(({ violations }) => violations.length > 0)) process.exitCode = 1;

  /** One fault after the other, each on a stack that has got over the one before. */
  async function befall(): Promise<void> {
    const random = seeded(seed + 1);
    for (;;) {
      const next = told + Math.floor(random() * mostTrialsBetween);
      while (told <= next && !isOver) await new Promise((resolve) => setTimeout(resolve, 50));
      if (isOver) return;
      const fault = stackFaults[Math.floor(random() * stackFaults.length)] ?? stackFaults[0];
      if (!fault) return;
      const time: Time = { name: fault.name, fromMs: performance.now(), untilMs: Infinity };
      times.push(time);
      const which = await fault.befall(backstage, random);
      await everyGatewayReady(stack.urls);
      time.untilMs = performance.now();
      if (which === 'none was under way') times.pop();
    }
  }
} finally {
  await stop();
}

function report(outcomes: readonly Outcome[], times: readonly Time[]): void {
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  const unpromised = outcomes.filter(({ answeredAtMs }) => answeredAtMs === Infinity).length;
  say(
    `${outcomes.length} trials (${unpromised} without a promise), ${sum(({ requests }) => requests)} requests, ` +
      `${sum(({ after }) => after)} of them sent after the answer, ${times.length} faults, ` +
      `${sum(({ violations }) => violations.length)} violations`,
  );
  const during = ({ askedAtMs, answeredAtMs }: Outcome): string =>
    times.find(({ fromMs, untilMs }) => fromMs < answeredAtMs && untilMs > askedAtMs)?.name ?? 'none';
  for (const name of ['none', ...stackFaults.map((fault) => fault.name)]) {
    const took = outcomes
      .filter((outcome) => outcome.answeredAtMs !== Infinity && during(outcome) === name)
      .map(({ askedAtMs, answeredAtMs }) => answeredAtMs - askedAtMs)
      .sort((a, b) => a - b);
    const at = (part: number): string =>
      (took[Math.min(took.length - 1, Math.floor(took.length * part))] ?? 0).toFixed(0);
    const count = times.filter((time) => time.name === name).length;
    say(
      `${name}${name === 'none' ? '' : ` (${count} times)`}: ${took.length} revocations, ` +
        `asked to answered p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`,
    );
  }
}
