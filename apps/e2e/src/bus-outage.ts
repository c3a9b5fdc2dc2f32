import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@portcullis/testing';
import { mintApiKey } from '@portcullis/credentials';
import { AuditedChanges } from './audited-changes.js';
import { type AuditStack, confirmMilliseconds, keepMaking, signIn } from './audit-rounds.js';
import { Backstage } from './backstage.js';
import { Client } from './client.js';
import { seeded } from './hammer.js';
import { KeptRecord } from './kept-record.js';
import { everyGatewayReady } from './readiness.js';

const anotherRoute = `  - { match: 'GET /outage', permission: workflows:view, upstream: example }\n`;
const beforeMilliseconds = 3_000;
const junkEveryMilliseconds = 50;
const watchEveryMilliseconds = 1_000;
const healMilliseconds = 120_000;
/** Denials beyond 10 a second are counted for 10 s, and written at the end of that. */
const denialMilliseconds = 60_000;
const denialEveryMilliseconds = 500;
const proofs = 20;

export interface BusOutage {
  /** Answers to changes that were asked for before, meanwhile and after. */
  readonly acknowledged: number;
  readonly lost: number;
  /** By status: what requests with made-up keys got while the bus was away. */
  readonly junk: Readonly<Record<string, number>>;
  /** Refused credentials that the record tells of since the bus went. */
  readonly denials: number;
  /** The most that waited at once: events in all outboxes, and in the memory of one gateway. */
  readonly mostOwed: number;
  readonly mostWaiting: number;
  /** From the moment that the bus was back. */
  readonly readySeconds: number;
  readonly recordedSeconds: number;
  readonly effects: number;
  readonly leaves: number;
  /** What is wrong: there may be nothing. */
  readonly faults: readonly string[];
}

/**
 * nats-server stands still for so long, its connections open and nothing answered, while
 * changes and junk go on and the policy is edited. Afterwards every change that was made is in the record once, and the edit and the
 * junk that was refused too.
 */
export async function busOutage(
  stack: AuditStack,
  { seconds, seed }: { seconds: number; seed: number },
): Promise<BusOutage> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bus-outage-'));
  try {
    const backstage = new Backstage(stack);
    const token = await signIn(stack);
    const admin = new Client(stack.url, token);
    const record = new KeptRecord({ url: stack.url, backstage }, token, folder);
    const changes = new AuditedChanges(stack.urls, token, `outage ${seed}`);
    const work = keepMaking(changes, seeded(seed));
    await pause(beforeMilliseconds);

    const since = new Date().toISOString();
    const wake = backstage.freeze('nats');
    const untilMs = performance.now() + seconds * 1_000;
    const junk: Record<string, number> = {};
    let [mostOwed, mostWaiting] = [0, 0];
    try {
      appendFileSync(stack.policy, anotherRoute);
      await Promise.all([
        repeat(untilMs, junkEveryMilliseconds, async (at) => {
          const key = at % 2 ? mintApiKey('ptc').text.reveal() : misprintedKey();
          const client = new Client(stack.urls[0] ?? '', key);
          const answer = await client.get('/v1/counterparties').catch(() => null);
          const status = String(answer?.status ?? 'none');
          junk[status] = (junk[status] ?? 0) + 1;
        }),
        repeat(untilMs, watchEveryMilliseconds, async () => {
          mostOwed = Math.max(mostOwed, await record.owed());
          for (const url of stack.urls) mostWaiting = Math.max(mostWaiting, (await gauge(url, 'waiting')) ?? 0);
        }),
      ]);
    } finally {
      wake();
    }
    const backMs = performance.now();
    await everyGatewayReady(stack.urls);
    const readySeconds = (performance.now() - backMs) / 1_000;
    await work.end();

    // Those of before are in the record too.
    const all = new AuditedChanges(stack.urls, token, '');
    const soon = await eventually(() => all.effects(), confirmMilliseconds);
    await record.reaches(soon.length).catch(() => undefined); // then `lost` names what is missing
    await record.settled();
    const refused = junk['401'] ?? 0;
    await eventually(async () => {
      await pause(denialEveryMilliseconds);
      return (await record.denials(since)) >= refused;
    }, denialMilliseconds).catch(() => undefined); // then the count is a fault
    // What was asked for while the bus stood still may have been done after whoever asked had gone.
    const effects = await eventually(() => all.effects(), confirmMilliseconds);
    const gauges = (name: 'waiting' | 'lost') => Promise.all(stack.urls.map((url) => gauge(url, name)));
    await eventually(async () => (await gauges('waiting')).every((n) => n === 0), healMilliseconds);
    const recordedSeconds = (performance.now() - backMs) / 1_000;
    const found = await record.compare(effects, { proofs, random: seeded(seed) });
    const made = new Set(effects);
    const { digest } = (await admin.get('/v1/policy')).json as { digest: string };
    const edits = (await admin.get('/v1/audit/events?action=policy.loaded&limit=100')).json as {
      items: { details: { digest: string } }[];
    };
    const denials = await record.denials(since);
    const lostEvents = await gauges('lost');
    const told = edits.items.filter(({ details }) => details.digest === digest).length;
    return {
      acknowledged: changes.tally.acknowledged,
      lost: changes.tally.lost,
      junk,
      denials,
      mostOwed,
      mostWaiting,
      readySeconds,
      recordedSeconds,
      effects: effects.length,
      leaves: record.leaves,
      faults: [
        ...[...changes.acknowledged].filter((one) => !made.has(one)).map((one) => `acknowledged and not made: ${one}`),
        ...Object.entries(found).flatMap(([what, all]) => (all as string[]).map((one) => `${what}: ${one}`)),
        ...(told === stack.urls.length
          ? []
          : [`${told} of ${stack.urls.length} gateways told of the policy ${digest}`]),
        // One that got no answer may have been refused all the same.
        ...(denials >= refused && denials <= refused + (junk['none'] ?? 0)
          ? []
          : [`${refused} made-up keys were refused, and the record tells of ${denials}`]),
        ...(lostEvents.every((n) => n === 0) ? [] : [`events lost by the gateways: ${lostEvents.join(', ')}`]),
        ...Object.keys(junk)
          .filter((status) => !['401', '503', 'none'].includes(status))
          .map((status) => `a made-up key was answered ${status}`),
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Refused by its checksum, without the bus. */
export function misprintedKey(): string {
  const key = mintApiKey('ptc').text.reveal();
  return `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function repeat(untilMs: number, everyMs: number, work: (at: number) => Promise<void>): Promise<void> {
  for (let at = 0; performance.now() < untilMs; at++) {
    await work(at);
    await pause(everyMs);
  }
}

/** Of a gateway's own events; undefined where it does not say. */
export async function gauge(url: string, name: 'waiting' | 'spilled' | 'lost'): Promise<number | undefined> {
  const text = await new Client(url).get('/metrics').then(
    (answer) => answer.text,
    () => '',
  );
  const [, value] = new RegExp(`^portcullis_events_${name} (\\d+)$`, 'm').exec(text) ?? [];
  return value === undefined ? undefined : Number(value);
}
