import { auditRounds, type Group, startAuditStack } from './audit-rounds.js';

/**
 * The long form of what `audit-loss.spec.ts` holds in short: kill -9 of every kind of process at random points while changes go on, and
 * after every ten rounds the invariant of the record. `node apps/e2e/dist/audit-soak.js [rounds] [seed] [rounds a group]`; exits 1
 * where a change is in no leaf, a leaf has no change, an event is there twice, or one cannot be proven.
 */
const [rounds = 200, seed = Math.floor(Math.random() * 1_000_000), perGroup = 10] = process.argv.slice(2).map(Number);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const stack = await startAuditStack();
say(`seed ${seed}, ${rounds} rounds, the record is held against what has happened after every ${perGroup}`);
const groups: Group[] = [];
try {
  for await (const group of auditRounds(stack, { rounds, perGroup, seed })) {
    groups.push(group);
    for (const fault of group.faults) say(`FAULT ${fault}`);
    say(report([group]));
  }
  const killed = groups.flatMap((group) => group.killed);
  const counts = [...new Set(killed)].sort().map((name) => `${name} ${killed.filter((one) => one === name).length}`);
  say(`in all: ${report(groups)}\nkilled: ${counts.join(', ')}`);
} catch (error) {
  // What was started and ended; that parts miss one another is a matter of course, and in the logs of the home.
  const told = stack.output().split('\n');
  say(told.filter((line) => !/: warn: |more lines in its log$/.test(line)).join('\n'));
  throw error;
} finally {
  await stack.stop();
  stack.remove();
}
if (groups.some(({ faults }) => faults.length > 0)) process.exitCode = 1;

function report(of: readonly Group[]): string {
  const sum = (value: (group: Group) => number): number => of.reduce((total, group) => total + value(group), 0);
  const count = sum((group) => group.rounds);
  const seconds = (value: (group: Group) => number): string => (sum(value) / count).toFixed(1);
  return (
    `${count} rounds, ${sum(({ killed }) => killed.length)} kills; ${sum(({ tally }) => tally.acknowledged)} changes acknowledged, ` +
    `${sum(({ tally }) => tally.lost)} calls without an answer, ${sum(({ tally }) => tally.repeated)} repeated under their key; ` +
    `${sum(({ effects }) => effects)} events due by what the services list, ${of.at(-1)?.leaves} leaves, ` +
    `${sum(({ faults }) => faults.length)} faults; ${seconds((group) => group.killingSeconds)} + ` +
    `${seconds((group) => group.checkingSeconds)} s a round`
  );
}
