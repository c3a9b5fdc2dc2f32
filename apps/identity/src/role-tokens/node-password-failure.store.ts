import { type Database, type Transaction } from '@portcullis/persistence';

/** Ten wrong node passwords a minute from one place. */
export const mostFailures = 10;
const windowMilliseconds = 60_000;

/** Shared by all gateways and replicas, for it is in the database. There is no count of all places together: nobody locks out everybody. */
export class NodePasswordFailureStore {
  constructor(private readonly database: Database) {}

  /** How many there were in the last minute, ten at most, and in how many seconds the oldest of the last ten is a minute old. */
  async recent(address: string): Promise<{ count: number; oldestOverInSeconds: number }> {
    const now = this.database.now();
    const since = new Date(now.getTime() - windowMilliseconds);
    const [row] = await this.database.read((manager) =>
      manager.query<{ count: string; oldest: Date | null }[]>(
        `select count(*) as count, min(failed_at) as oldest from
           (select failed_at from node_password_failure where address = $1 and failed_at > $2
             order by failed_at desc limit $3) latest`,
        [address, since, mostFailures],
      ),
    );
    const overAtMs = (row?.oldest ?? now).getTime() + windowMilliseconds;
    return {
      count: Number(row?.count ?? 0),
      oldestOverInSeconds: Math.max(1, Math.ceil((overAtMs - now.getTime()) / 1000)),
    };
  }

  async add(tx: Transaction, address: string): Promise<void> {
    await tx.manager.query('insert into node_password_failure (address, failed_at) values ($1, $2)', [
      address,
      this.database.now(),
    ]);
  }

  async prune(now: Date): Promise<void> {
    const oldest = new Date(now.getTime() - windowMilliseconds);
    await this.database.read((manager) =>
      manager.query('delete from node_password_failure where failed_at <= $1', [oldest]),
    );
  }
}
