import { type AuditEvent } from '@portcullis/contracts';
import { type Runner } from './runner.js';
import { unwaited } from './statement.js';

/** How long a published event waits for `audit` before it is published again: 30 s, doubling to an hour. */
const republishSeconds = 30;
const republishAtMostSeconds = 3_600;

/** The outbox table, as the relay in `bus` asks for it. */
export class OutboxStore {
  private readonly listeners: (() => void)[] = [];

  constructor(private readonly database: Runner) {}

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
    await this.database.read((manager) =>
      manager.query(`delete from outbox where id = any($1) returning ${unwaited}`, [ids]),
    );
  }

  onOwed(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Tells the relay that a commit owes an event. */
  announce(): void {
    for (const listener of this.listeners) listener();
  }
}
