import { eventually } from '@portcullis/testing';
import { Client as PgClient } from 'pg';
import { type Backstage } from './backstage.js';

/** Something that befalls a running stack. */
export interface StackFault {
  readonly name: string;
  /** Brings it about; the stack may still be ill from it afterwards. Answers what came of it, where that is not always the same. */
  befall(backstage: Backstage, random: () => number): Promise<string | undefined>;
}

const authorities = { 'api-key': 'api_key', identity: 'identity' } as const;
type Authority = keyof typeof authorities;

/** Long enough for a revocation to come by, short enough for leases to live through. */
const revocationMilliseconds = 1_500;
const restartMilliseconds = 60_000;

/**
 * kill -9 of an authority that has committed a revocation and not published its marker. Before it publishes it reads the view that
 * names its position; a lock on that view alone holds it there, and nothing that a commit needs.
 */
const killedBeforePublish: StackFault = {
  name: 'an authority killed between commit and publish',
  befall: async (backstage, random) => {
    const authority: Authority = random() < 0.5 ? 'api-key' : 'identity';
    const schema = authorities[authority];
    const holder = new PgClient({ connectionString: backstage.databaseUrl() });
    holder.on('error', () => undefined);
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query(`set local lock_timeout = '1s'`);
      await holder.query(`alter view ${schema}.enforcement_position set (security_barrier = false)`);
      const last = async (): Promise<string | undefined> =>
        (await backstage.query<{ last_seq: string }>(`select last_seq from ${schema}.enforcement_head`))[0]?.last_seq;
      const before = await last();
      const committed = await eventually(async () => (await last()) !== before, revocationMilliseconds).catch(
        () => false,
      );
      if (!committed) return 'none was under way';
      // Whichever of the two has it: both.
      for (const replica of [authority, `${authority}-2`]) killed(backstage, replica);
    } finally {
      await holder.query('rollback').catch(() => undefined);
      await holder.end().catch(() => undefined);
    }
    return authority;
  },
};

/** One replica, whatever it is at: the other goes on. */
const replicaKilled: StackFault = {
  name: 'one replica of an authority killed',
  befall: (backstage, random) => {
    const replica = ['api-key', 'api-key-2', 'identity', 'identity-2'][Math.floor(random() * 4)] as string;
    killed(backstage, replica);
    return Promise.resolve(replica);
  },
};

const restarted = (server: 'nats' | 'postgres', name: string): StackFault => ({
  name,
  befall: async (backstage) => {
    const old = backstage.pid(server);
    backstage.kill(server);
    await eventually(() => backstage.pid(server) !== old, restartMilliseconds);
    return undefined;
  },
});

/** The third gateway stands still, for a moment or for longer than its lease. */
const gatewayFrozen: StackFault = {
  name: 'a gateway standing still',
  befall: async (backstage, random) => {
    const milliseconds = random() * 8_000;
    const wake = backstage.freeze('gateway-3');
    try {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    } finally {
      wake();
    }
    return undefined;
  },
};

export const stackFaults: readonly StackFault[] = [
  killedBeforePublish,
  replicaKilled,
  restarted('nats', 'nats-server restarted'),
  restarted('postgres', 'Postgres restarted'),
  gatewayFrozen,
];

/** Not there at this moment is as good as killed. */
function killed(backstage: Backstage, program: string): void {
  try {
    backstage.kill(program);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'ENOENT') throw error;
  }
}
