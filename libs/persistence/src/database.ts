import { randomBytes } from 'node:crypto';
import { Client, type ClientConfig } from 'pg';
import { type EntityManager, type EntitySchema, DataSource } from 'typeorm';
import { type AuditEvent, completeEvent, newId, type OwedEvent, Refusal, type Service } from '@portcullis/contracts';
import { type Marker } from '@portcullis/enforcement';
import { migrate, migrationsFrom } from './migrations.js';
import { EnforcementStore, writeMarker } from './enforcement.store.js';
import { isOutage } from './outage.js';
import { OutboxStore } from './outbox.store.js';
import { Statement, unwaited } from './statement.js';

export interface DatabaseOptions {
  url: string;
  service: Service;
  /** The service's own schema; its login role owns it and nothing else. */
  schema: string;
  entities: readonly (EntitySchema | (new () => object))[];
  /** Directory of the service's own `.sql` migrations. */
  migrations: URL;
  now?: () => Date;
  connections?: number;
  report?: (line: string) => void;
  /** Rows of the outbox at which only what takes something away is still accepted. */
  outboxBound?: number;
}

/** Some 100 MB. */
export const defaultOutboxBound = 100_000;

const ourMigrations = new URL('../migrations/', import.meta.url);

/**
 * A service's own corner of Postgres. Everything is read and written through `read` and `transaction`, which turn a server
 * that is away into the refusal `unavailable`, so that nothing hangs and nobody mistakes an outage for a fault of theirs.
 */
export class Database {
  readonly outbox: OutboxStore;
  readonly enforcement: EnforcementStore;
  private readonly localKeys = new Map<string, Buffer>();

  private constructor(
    readonly source: DataSource,
    readonly service: Service,
    readonly now: () => Date,
    outboxBound: number,
  ) {
    this.outbox = new OutboxStore(this, outboxBound);
    this.enforcement = new EnforcementStore(this);
  }

  /** Connects (waiting up to a minute for the server) and brings the schema up to date. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const migrating = dataSource(options, { max: 2 });
    await initializePatiently(migrating);
    try {
      // TypeORM takes migration classes; ours are files, so the instances are handed over once it has started.
      Object.assign(migrating, {
        migrations: [...migrationsFrom(ourMigrations), ...migrationsFrom(options.migrations)],
      });
      await migrate(migrating, options.schema);
    } finally {
      await migrating.destroy();
    }
    const source = dataSource(options, {
      max: options.connections ?? 10,
      query_timeout: 15_000,
      statement_timeout: 10_000,
    });
    await initializePatiently(source);
    return new Database(
      source,
      options.service,
      options.now ?? (() => new Date()),
      options.outboxBound ?? defaultOutboxBound,
    );
  }

  /** Plain queries outside a transaction. */
  read<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.guarded(() => work(this.source.manager));
  }

  /** All or nothing: the change, its markers and the events that it owes. */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const owed: Owed = { events: [], takesAway: false };
    const result = await this.guarded(() =>
      this.source.transaction(async (manager) => {
        owed.events = [];
        const result = await work(new Transaction(manager, this, owed));
        // Last, when it is known whether anything of it takes something away.
        if (owed.events.length > 0) {
          const { events, takesAway } = owed;
          await this.outbox.demandRoom(manager, { owed: events, written: true, takesAway });
        }
        return result;
      }),
    );
    if (owed.events.length > 0) this.outbox.announce();
    return result;
  }

  /** The same in one statement. `text` puts it together: `with` queries of its own and the statement's, and what is answered. */
  async write<Row>(text: (statement: Statement) => string): Promise<Row[]> {
    const statement = new Statement((event) => this.complete(event));
    const sql = text(statement);
    const rows = await this.read(async (manager) => {
      const { owed } = statement;
      if (owed.length > 0) await this.outbox.demandRoom(manager, { owed, written: false, takesAway: false });
      return manager.query<Row[]>(sql, statement.values);
    });
    this.outbox.announce();
    return rows;
  }

  /** An event as it is kept: with its id, its time and whose it is. */
  complete(event: OwedEvent): AuditEvent {
    const now = this.now();
    return completeEvent(event, { id: newId('evt', now), time: now, service: this.service });
  }

  /** 32 random bytes for one purpose, made once and the same on every replica and after every restart. */
  async localKey(purpose: string): Promise<Buffer> {
    const known = this.localKeys.get(purpose);
    if (known) return known;
    const key = await this.read(async (manager) => {
      await manager.query('insert into local_key (purpose, key) values ($1, $2) on conflict do nothing', [
        purpose,
        randomBytes(32),
      ]);
      const [row] = await manager.query<{ key: Buffer }[]>('select key from local_key where purpose = $1', [purpose]);
      if (!row) throw new Error(`no key for ${purpose}`);
      return row.key;
    });
    this.localKeys.set(purpose, key);
    return key;
  }

  /** Does the server answer? */
  async healthy(): Promise<boolean> {
    return this.source.query('select 1').then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    await this.source.destroy();
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isOutage(error)) {
        throw new Refusal('unavailable', 'A part of Portcullis that this needs is away. Try again shortly.', {
          cause: error,
          retryAfterSeconds: 2,
        });
      }
      throw error;
    }
  }
}

interface Owed {
  events: OwedEvent[];
  takesAway: boolean;
}

/** One transaction of a service, with what it owes. */
export class Transaction {
  constructor(
    readonly manager: EntityManager,
    private readonly database: Database,
    private readonly owed: Owed,
  ) {}

  /** All that is done here only takes away though its actions do not tell, as an update that narrows: no full outbox stops it. */
  takesAway(): void {
    this.owed.takesAway = true;
  }

  /**
   * Writes an event into the outbox with the change itself: both are kept or neither is. Answers the event's id.
   * @param redone of a note that is found missing and made again by itself: its commit is `unwaited`
   */
  async owe(event: OwedEvent, { redone = false } = {}): Promise<string> {
    const complete = this.database.complete(event);
    const insert = `insert into outbox (id, event) values ($1, $2) ${redone ? `returning ${unwaited}` : ''}`;
    await this.manager.query(insert, [complete.id, complete]);
    this.owed.events.push(event);
    return complete.id;
  }

  /** The same for many at once, in one statement. */
  async oweAll(events: readonly OwedEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.manager.query(
      `insert into outbox (id, event) select event->>'id', event from jsonb_array_elements($1::jsonb) event`,
      [JSON.stringify(events.map((event) => this.database.complete(event)))],
    );
    this.owed.events.push(...events);
  }

  /**
   * Writes what takes something away into the authority's order of revocations. Answers its seq, for
   * `EnforcementAuthority.confirm` after the commit. The last thing that a transaction does: until the commit no other
   * revocation of this service goes on.
   */
  mark(marker: Omit<Marker, 'seq'>): Promise<number> {
    return writeMarker(this.manager, marker);
  }
}

/** Limits are for requests. A migration may take its time, and so may the wait for the replica that runs it. */
function dataSource(
  options: DatabaseOptions,
  pool: { max: number; query_timeout?: number; statement_timeout?: number },
): DataSource {
  return new DataSource({
    type: 'postgres',
    url: options.url,
    schema: options.schema,
    entities: [...options.entities],
    migrations: [],
    installExtensions: false,
    applicationName: `portcullis-${options.service}`,
    poolErrorHandler: (error: Error) => options.report?.(`Postgres: ${error.message}`),
    extra: {
      Client: LastingClient,
      connectionTimeoutMillis: 3_000,
      options: `-c search_path=${options.schema}`,
      ...pool,
    },
  });
}

/**
 * A lost connection says so more than once, and TypeORM stops listening at the first time: the second would end the process.
 * Whoever uses the connection hears of it by the query that fails.
 */
class LastingClient extends Client {
  constructor(config?: ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

const connectPatienceMilliseconds = 60_000;

async function initializePatiently(source: DataSource): Promise<void> {
  const until = performance.now() + connectPatienceMilliseconds;
  for (;;) {
    try {
      await source.initialize();
      return;
    } catch (error) {
      if (!isOutage(error) || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
