import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node';
import { Client as PgClient } from 'pg';

interface Secrets {
  postgres: Record<string, string>;
  nats: Record<string, string>;
}

export interface BehindStack {
  /** The `PORTCULLIS_HOME` of the stack. */
  readonly data: string;
  pidOf(program: string): number;
}

/** What the operator of a machine can reach and a caller cannot: the servers behind a stack, their data, their processes. */
export class Backstage {
  constructor(private readonly stack: BehindStack) {}

  get secrets(): Secrets {
    return this.read('secrets.json') as Secrets;
  }

  /** The pid of an app, of `postgres` or of `nats`. */
  pid(program: string): number {
    if (program === 'postgres') return pidIn(join(this.stack.data, 'postgres.process'));
    if (program === 'nats') return pidIn(join(this.stack.data, 'nats', 'process'));
    return this.stack.pidOf(program);
  }

  /** SIGSTOP to a process and its children: connections stay open and nobody answers. Calling what is answered wakes them. */
  freeze(program: string): () => void {
    const pid = this.pid(program);
    const pids = [pid, ...childrenOf(pid)];
    const send = (signal: NodeJS.Signals) => {
      for (const one of pids) {
        try {
          process.kill(one, signal);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
      }
    };
    send('SIGSTOP');
    return () => send('SIGCONT');
  }

  kill(program: string): void {
    process.kill(this.pid(program), 'SIGKILL');
  }

  /** The URL of the database as a service's own role, or as the superuser. */
  databaseUrl(service: 'superuser' | 'identity' | 'api-key' | 'client-registry' | 'audit' = 'superuser'): string {
    const user = service === 'superuser' ? 'postgres' : `portcullis_portcullis_${service.replaceAll('-', '_')}`;
    const password = this.secrets.postgres[service] ?? '';
    return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${this.ports['postgres']}/portcullis`;
  }

  query<Row>(sql: string, url = this.databaseUrl()): Promise<Row[]> {
    return withClient(url, async (client) => (await client.query(sql)).rows as Row[]);
  }

  /** Every row of every table of every schema, as text. */
  dump(): Promise<string> {
    return withClient(this.databaseUrl(), async (client) => {
      const tables = await client.query<{ name: string }>(
        `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
          where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
      );
      const texts: string[] = [];
      for (const { name } of tables.rows) {
        const { rows } = await client.query<{ text: string }>(`select t::text as text from ${name} t`);
        texts.push(`-- ${name}`, ...rows.map(({ text }) => text));
      }
      return texts.join('\n');
    });
  }

  /** Whether its nats-server is one of its own. */
  get hasBus(): boolean {
    return existsSync(join(this.stack.data, 'nats'));
  }

  bus(user: string, options: ConnectionOptions = {}): Promise<NatsConnection> {
    const pass = this.secrets.nats[user] ?? '';
    return connect({ servers: `127.0.0.1:${this.ports['nats']}`, user, pass, reconnect: false, ...options });
  }

  private get ports(): Record<string, number> {
    return this.read('ports.json') as Record<string, number>;
  }

  private read(file: string): unknown {
    return JSON.parse(readFileSync(join(this.stack.data, file), 'utf8'));
  }
}

/** Reads a record of a process that the runner keeps. */
export function pidIn(record: string): number {
  return (JSON.parse(readFileSync(record, 'utf8')) as { child: { pid: number } }).child.pid;
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

async function withClient<T>(url: string, work: (client: PgClient) => Promise<T>): Promise<T> {
  const client = new PgClient({ connectionString: url });
  client.on('error', () => undefined); // a lost connection shows at the next query
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
