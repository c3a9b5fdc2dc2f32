import { startAuditStack } from './audit-rounds.js';
import { busOutage } from './bus-outage.js';

/**
 * The long form of what `audit-loss.spec.ts` holds in short: nats-server away for ten minutes.
 * `node apps/e2e/dist/outage-soak.js [seconds] [seed]`; exits 1 where something is lost, doubled or unproven.
 */
const [seconds = 600, seed = Math.floor(Math.random() * 1_000_000)] = process.argv.slice(2).map(Number);
const stack = await startAuditStack();
try {
  const { faults, ...figures } = await busOutage(stack, { seconds, seed });
  process.stdout.write(`seed ${seed}, the bus away for ${seconds} s: ${JSON.stringify(figures)}\n`);
  for (const fault of faults) process.stdout.write(`FAULT ${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
} finally {
  await stack.stop();
  stack.remove();
}
