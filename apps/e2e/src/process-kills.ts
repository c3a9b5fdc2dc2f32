import { eventually } from '@portcullis/testing';
import { type Backstage } from './backstage.js';
import { everyGatewayReady } from './readiness.js';

/** Every kind of process of a stack of two gateways and two replicas, with what its processes are called. */
export const processKinds: Readonly<Record<string, readonly string[]>> = {
  identity: ['identity', 'identity-2'],
  'api-key': ['api-key', 'api-key-2'],
  'client-registry': ['client-registry', 'client-registry-2'],
  audit: ['audit', 'audit-2'],
  gateway: ['gateway', 'gateway-2'],
  'nats-server': ['nats'],
  Postgres: ['postgres'],
};

const mostMillisecondsBefore = 400;
const mostMillisecondsBetween = 700;
const healMilliseconds = 120_000;

/**
 * kill -9 of a process of that kind at a random moment, in every fourth case of another one within the next 0.7 s, which may be one
 * that takes over. Resolves when those processes are there again, started by whoever supervises them, and every gateway decides.
 * Answers what was killed.
 */
export async function killOne(
  kind: string,
  { backstage, urls, random }: { backstage: Backstage; urls: readonly string[]; random: () => number },
): Promise<string[]> {
  const all = Object.values(processKinds).flat();
  const one = pick(processKinds[kind] ?? all, random);
  await pause(random() * mostMillisecondsBefore);
  const victims = [one, ...(random() < 0.25 ? [pick(all, random)] : [])];
  const gone: [string, number][] = [];
  for (const victim of victims) {
    const pid = killed(backstage, victim);
    if (pid !== null) gone.push([victim, pid]);
    if (victims.length > 1) await pause(random() * mostMillisecondsBetween);
  }
  await eventually(
    () => gone.every(([victim, old]) => ![old, null].includes(pidOrNone(backstage, victim))),
    healMilliseconds,
  );
  await everyGatewayReady(urls);
  return gone.map(([victim]) => victim);
}

const pick = (names: readonly string[], random: () => number): string =>
  names[Math.floor(random() * names.length)] as string;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The pid that it had; null where it was not there at that moment. */
function killed(backstage: Backstage, program: string): number | null {
  const pid = pidOrNone(backstage, program);
  if (pid === null) return null;
  try {
    process.kill(pid, 'SIGKILL');
    return pid;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return null;
  }
}

/** Between an end and the next start there is no record of it. */
function pidOrNone(backstage: Backstage, program: string): number | null {
  try {
    return backstage.pid(program);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}
