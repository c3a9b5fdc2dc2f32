import { type AuditEvent, type OwedEvent, Refusal, unrefusedActions } from '@portcullis/contracts';
import { type EntityManager } from 'typeorm';
import { type Runner } from './runner.js';
import { unwaited } from './statement.js';

/** How long a published event waits for `audit` before it is published again: 30 s, doubling to an hour. */
const republishSeconds = 30;
const republishAtMostSeconds = 3_600;
const measuredForMilliseconds = 1_000;

/** The outbox table, as the relay in `bus` asks for it. */
export class OutboxStore {
  private readonly listeners: (() => void)[] = [];
  /** How many rows there were, with those that this process has written since. */
  private measured = { rows: 0, at: -Infinity };

  /** @param bound rows at which only what takes something away is still accepted */
  constructor(
    private readonly database: Runner,
    private readonly bound: number,
  ) {}

  /** How many events `audit` has not reported as kept. */
  async depth(): Promise<number> {
    return this.database.read((manager) => this.measure(manager));
  }

  /** How much is owed, since when the oldest of it, and how much may be. */
  async state(): Promise<{ events: number; oldest_seconds: number | null; bound: number }> {
    const [row] = await this.database.read((manager) =>
      manager.query<{ rows: string; oldest: string | null }[]>(
        `select count(*) as rows, extract(epoch from now() - min((event->>'time')::timestamptz)) as oldest from outbox`,
      ),
    );
    const oldest = row?.oldest ?? null;
    // By two clocks, the service's and the server's.
    const seconds = oldest === null ? null : Math.max(0, Number(oldest));
    return { events: Number(row?.rows), oldest_seconds: seconds, bound: this.bound };
  }

  /**
   * Refuses with `audit_unavailable` if the outbox is full, unless all that is done takes something away. Counted at most once a second, so
   * the bound may be passed by what other replicas write within that second; and by what takes away, without end.
   * @param written the events are rows already, which whoever counts on this connection sees
   */
  async demandRoom(
    manager: EntityManager,
    { owed, written, takesAway }: { owed: readonly OwedEvent[]; written: boolean; takesAway: boolean },
  ): Promise<void> {
    if (!takesAway && !owed.every(({ action }) => unrefusedActions.has(action))) {
      if (performance.now() - this.measured.at > measuredForMilliseconds) {
        await this.measure(manager);
        if (written) this.measured.rows -= owed.length;
      }
      if (this.measured.rows + owed.length > this.bound)
        throw new Refusal(
          'audit_unavailable',
          'The audit record has not been written for some time, so nothing new is accepted until it is. Revoking, disabling and logging ' +
            'out still work. Try again when the audit service is back.',
          { retryAfterSeconds: 10 },
        );
    }
    this.measured.rows += owed.length;
  }

  /** By whoever asks, on its own connection: another one might be waited for by those who wait for this. */
  private async measure(manager: EntityManager): Promise<number> {
    const [row] = await manager.query<{ rows: string }[]>('select count(*) as rows from outbox');
    const rows = Number(row?.rows);
    this.measured = { rows, at: performance.now() };
    return rows;
  }

  async claim(limit: number): Promise<readonly AuditEvent[]> {
    const rows = await this.database.read((manager) =>
      manager.query<[{ event: AuditEvent }[], number]>(
        `update outbox set attempts = attempts + 1,
                due_at = now() + make_interval(secs => least($2 * power(2, least(attempts, 10)), $3))
          where id in (select id from outbox where due_at <= now() order by id limit $1 for update skip locked)
        returning event`,
        [limit, republishSeconds, republishAtMostSeconds],
      ),
    );
    return rows[0].map((row) => row.event).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async release(ids: readonly string[]): Promise<void> {
    await this.database.read((manager) =>
      manager.query('update outbox set attempts = attempts - 1, due_at = now() where id = any($1)', [ids]),
    );
  }

  /** A row that a crash brings back is published again, and `audit` says again that it keeps it. */
  async settle(ids: readonly string[]): Promise<void> {
    const [gone] = await this.database.read((manager) =>
      manager.query<[unknown[], number]>(`delete from outbox where id = any($1) returning ${unwaited}`, [ids]),
    );
    this.measured.rows -= gone.length;
  }

  onOwed(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Tells the relay that a commit owes an event. */
  announce(): void {
    for (const listener of this.listeners) listener();
  }
}
