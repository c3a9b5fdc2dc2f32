import { addressGroup, sha256Hex } from '@portcullis/credentials';
import { type Database, type Transaction } from '@portcullis/persistence';
import { emailKey } from '../users/user.store.js';

/** Ten wrong passwords for one person from one place, a hundred from one place for anybody, in a quarter of an hour. */
const windowMilliseconds = 900_000;
const mostForPair = 10;
const mostForAddress = 100;

/** Who is tried from where. */
export interface SignInPlace {
  /** Digest of e-mail and address group. */
  pair: string;
  address: string;
}

export function signInPlace(email: string, clientIp: string): SignInPlace {
  const address = addressGroup(clientIp);
  return { pair: sha256Hex(JSON.stringify([emailKey(email), address])), address };
}

export class SignInFailureStore {
  constructor(private readonly database: Database) {}

  /** How many seconds no password from there is looked at, or undefined. What is refused meanwhile does not count. */
  async waitSeconds({ pair, address }: SignInPlace): Promise<number | undefined> {
    const now = this.database.now();
    const since = new Date(now.getTime() - windowMilliseconds);
    const [row] = await this.database.read((manager) =>
      manager.query<{ of_pair: Date | null; of_address: Date | null }[]>(
        `select (select failed_at from sign_in_failure where pair = $1 and failed_at > $3
                  order by failed_at desc offset $4 limit 1) as of_pair,
                (select failed_at from sign_in_failure where address = $2 and failed_at > $3
                  order by failed_at desc offset $5 limit 1) as of_address`,
        [pair, address, since, mostForPair - 1, mostForAddress - 1],
      ),
    );
    const decisive = Math.max(row?.of_pair?.getTime() ?? 0, row?.of_address?.getTime() ?? 0);
    if (decisive === 0) return undefined;
    return Math.max(1, Math.ceil((decisive + windowMilliseconds - now.getTime()) / 1000));
  }

  /**
   * Answers what this very failure stops for a while, which is told once: that person from that place, or the place for everybody.
   */
  async add(tx: Transaction, { pair, address }: SignInPlace): Promise<'pair' | 'address' | null> {
    // Replicas count one after the other, so that one of them sees the last failure that is let through.
    await tx.manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`identity:sign-in:${address}`]);
    const now = this.database.now();
    await tx.manager.query('insert into sign_in_failure (pair, address, failed_at) values ($1, $2, $3)', [
      pair,
      address,
      now,
    ]);
    const [row] = await tx.manager.query<{ of_pair: string; of_address: string }[]>(
      `select count(*) filter (where pair = $1) as of_pair, count(*) as of_address
         from sign_in_failure where address = $2 and failed_at > $3`,
      [pair, address, new Date(now.getTime() - windowMilliseconds)],
    );
    if (Number(row?.of_address) === mostForAddress) return 'address';
    return Number(row?.of_pair) === mostForPair ? 'pair' : null;
  }

  /** After a success. What others failed at from the same address stays. */
  async forget(tx: Transaction, { pair }: SignInPlace): Promise<void> {
    await tx.manager.query('delete from sign_in_failure where pair = $1', [pair]);
  }

  async prune(now: Date): Promise<void> {
    const oldest = new Date(now.getTime() - windowMilliseconds);
    await this.database.read((manager) => manager.query('delete from sign_in_failure where failed_at <= $1', [oldest]));
  }
}
