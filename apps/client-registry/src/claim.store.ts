import { Injectable } from '@nestjs/common';
import { Database } from '@portcullis/persistence';

/** Who used a client last. */
export interface ClientUse {
  id: string;
  at: Date;
  ip: string;
  userAgent: string | null;
}

/** The SQL of taking signed requests, each once, and of who made the last. */
@Injectable()
export class ClaimStore {
  constructor(private readonly database: Database) {}

  /** The digests of those that nobody had taken before. One statement, so that of two at once one is the first. */
  async claim(claims: readonly { digest: string; client: string; until: string }[]): Promise<Set<string>> {
    // In one order, so that two batches wait for one another and not each for the other.
    const inOrder = [...claims].sort((a, b) => (a.digest < b.digest ? -1 : 1));
    const rows = await this.database.read((manager) =>
      manager.query<{ digest: string }[]>(
        `insert into signature_claim (digest, client_id, until)
         select decode(digest, 'hex'), client, until
           from unnest($1::text[], $2::text[], $3::timestamptz[]) with ordinality as claim (digest, client, until, place)
          order by place
         on conflict do nothing returning encode(digest, 'hex') as digest`,
        [inOrder.map(({ digest }) => digest), inOrder.map(({ client }) => client), inOrder.map(({ until }) => until)],
      ),
    );
    return new Set(rows.map(({ digest }) => digest));
  }

  /** Forgets claims that nobody would accept any more, at most `limit`. Answers how many. */
  async forget(limit: number): Promise<number> {
    const [, forgotten] = await this.database.read((manager) =>
      manager.query<[unknown, number]>(
        `delete from signature_claim where digest = any(array(
           select digest from signature_claim where until < $1 order by until limit $2))`,
        [this.database.now(), limit],
      ),
    );
    return forgotten;
  }

  async noteUses(uses: readonly ClientUse[]): Promise<void> {
    // In one order, so that two replicas wait for one another and not each for the other.
    const inOrder = [...uses].sort((a, b) => (a.id < b.id ? -1 : 1));
    await this.database.transaction(async (tx) => {
      for (const { id, at, ip, userAgent } of inOrder) {
        await tx.manager.query(
          `update client set last_used_at = $2, last_used_ip = $3, last_used_user_agent = $4
            where id = $1 and (last_used_at is null or last_used_at < $2)`,
          [id, at, ip, userAgent],
        );
      }
    });
  }
}
