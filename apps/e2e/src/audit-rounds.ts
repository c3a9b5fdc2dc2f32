import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from '@portcullis/testing';
import { AuditedChanges, type Tally } from './audited-changes.js';
import { Backstage } from './backstage.js';
import { Client } from './client.js';
import { seeded } from './hammer.js';
import { KeptRecord } from './kept-record.js';
import { killOne, processKinds } from './process-kills.js';
import { type Stack, startStack } from './stack.js';

/** Two of everything, and a token that outlives a long run. */
const auditStackEnvironment = {
  PORTCULLIS_GATEWAYS: '2',
  PORTCULLIS_REPLICAS: '2',
  PORTCULLIS_ACCESS_TOKEN_SECONDS: '86400',
  PORTCULLIS_REFRESH_TOKEN_SECONDS: '90000',
};
const examplePolicy = resolve(import.meta.dirname, '../../../config/policy.yaml');
const proofsAGroup = 5;
export const confirmMilliseconds = 120_000;
/** So many changes are asked for at once, all the time. */
const workers = 4;
const restMilliseconds = 20;
const restWhenLostMilliseconds = 250;

/** What a group of rounds came to. */
export interface Group {
  readonly rounds: number;
  readonly killed: readonly string[];
  readonly tally: Tally;
  /** Changes that have happened, by what the services list. */
  readonly effects: number;
  /** Of the whole log. */
  readonly leaves: number;
  readonly killingSeconds: number;
  readonly checkingSeconds: number;
  /** What is wrong: in no group may there be any. */
  readonly faults: readonly string[];
}

export interface AuditStack extends Stack {
  /** Its policy, a file of its own: the example's. */
  readonly policy: string;
}

export async function startAuditStack(): Promise<AuditStack> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-policy-'));
  const policy = join(folder, 'policy.yaml');
  copyFileSync(examplePolicy, policy);
  const stack = await startStack({ unheard: true, env: { ...auditStackEnvironment, PORTCULLIS_POLICY: policy } });
  const remove = (): void => {
    stack.remove();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...stack, policy, remove };
}

/**
 * Rounds of kill -9 on one stack, `perGroup` in a row while changes go on through the gateways. After each group the invariant: a leaf
 * for each change that was acknowledged or is in effect, none twice, all of them under a signed checkpoint, and the whole log verified
 * with no server. Kinds of processes take their turn, in a seeded order.
 */
export async function* auditRounds(
  stack: Stack,
  { rounds, perGroup, seed }: { rounds: number; perGroup: number; seed: number },
): AsyncGenerator<Group> {
  const random = seeded(seed);
  const backstage = new Backstage(stack);
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-audit-rounds-'));
  try {
    const token = await signIn(stack);
    const happened: string[] = [];
    const record = new KeptRecord({ url: stack.url, backstage }, token, folder);
    let turn: string[] = [];
    for (let done = 0; done < rounds; done += perGroup) {
      const group = { rounds: Math.min(perGroup, rounds - done), name: `s${seed}g${done}` };
      const changes = new AuditedChanges(stack.urls, token, group.name);
      const [beganMs, killed]: [number, string[]] = [performance.now(), []];
      const work = keepMaking(changes, random);
      for (let round = 0; round < group.rounds; round++) {
        if (turn.length === 0) turn = shuffled(Object.keys(processKinds), random);
        killed.push(...(await killOne(turn.pop() ?? '', { backstage, urls: stack.urls, random })));
      }
      await work.end();
      const healedMs = performance.now();
      const effects = await eventually(() => changes.effects(), confirmMilliseconds);
      // All that happened so far: what is written down twice may be so later.
      happened.push(...effects);
      await record.reaches(happened.length).catch(() => undefined); // then `lost` names what is missing
      if (done + group.rounds >= rounds) await record.settled();
      const found = await record.compare(happened, { proofs: proofsAGroup, random });
      const made = new Set(effects);
      const unmade = [...changes.acknowledged].filter((change) => !made.has(change));
      yield {
        rounds: group.rounds,
        killed,
        tally: changes.tally,
        effects: effects.length,
        leaves: record.leaves,
        killingSeconds: (healedMs - beganMs) / 1_000,
        checkingSeconds: (performance.now() - healedMs) / 1_000,
        faults: [
          ...unmade.map((change) => `acknowledged and not made: ${change}`),
          ...Object.entries(found).flatMap(([what, all]) => (all as string[]).map((one) => `${what}: ${one}`)),
        ],
      };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes changes until `end`, which resolves when the last of them is answered, and rejects for what may not be answered. */
export function keepMaking(changes: AuditedChanges, random: () => number): { end: () => Promise<void> } {
  let isOver = false;
  const work = async (): Promise<void> => {
    while (!isOver) {
      const { lost } = changes.tally;
      await changes.make(random);
      // A client that was told to come back does so later.
      const rest = changes.tally.lost > lost ? restWhenLostMilliseconds : restMilliseconds;
      await new Promise((resolve) => setTimeout(resolve, rest));
    }
  };
  const all = Promise.all(Array.from({ length: workers }, work));
  all.catch(() => (isOver = true)); // told at the end
  return {
    end: async () => {
      isOver = true;
      await all;
    },
  };
}

export async function signIn({ url, email, password }: Stack): Promise<string> {
  const answer = await new Client(url).post('/v1/login', { email, password });
  return (answer.json as { access_token: string }).access_token;
}

function shuffled(names: readonly string[], random: () => number): string[] {
  const order = names.map((name) => ({ name, at: random() }));
  return order.sort((one, other) => one.at - other.at).map(({ name }) => name);
}
