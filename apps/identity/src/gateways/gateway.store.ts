import { type VerificationKey } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';

export class GatewayStore {
  constructor(private readonly database: Database) {}

  /**
   * Writes a gateway's key, or that it is still there. `taken`: the id has another key, or the key another id.
   */
  async register(
    tx: Transaction,
    gatewayId: string,
    key: VerificationKey,
    now: Date,
  ): Promise<'registered' | 'seen' | 'taken'> {
    const rows = await tx.manager.query<{ gateway_id: string }[]>(
      `insert into gateway_key (gateway_id, kid, public_jwk, registered_at, seen_at) values ($1, $2, $3, $4, $4)
       on conflict do nothing returning gateway_id`,
      [gatewayId, key.kid, key, now],
    );
    if (rows.length > 0) return 'registered';
    const [seen] = await tx.manager.query<[unknown[], number]>(
      'update gateway_key set seen_at = greatest(seen_at, $3) where gateway_id = $1 and kid = $2 returning kid',
      [gatewayId, key.kid, now],
    );
    return seen.length > 0 ? 'seen' : 'taken';
  }

  /** The keys of gateways that said within the last `seconds` that they are there. */
  async seenWithin(seconds: number): Promise<VerificationKey[]> {
    const since = new Date(this.database.now().getTime() - seconds * 1000);
    const rows = await this.database.read((manager) =>
      manager.query<{ public_jwk: VerificationKey }[]>(
        'select public_jwk from gateway_key where seen_at >= $1 order by registered_at, kid',
        [since],
      ),
    );
    return rows.map((row) => row.public_jwk);
  }

  /** Forgets gateways that are gone. A process never comes back under its old id. */
  async prune(now: Date): Promise<void> {
    const oldest = new Date(now.getTime() - 86_400_000);
    await this.database.read((manager) => manager.query('delete from gateway_key where seen_at < $1', [oldest]));
  }
}
