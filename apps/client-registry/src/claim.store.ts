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

  /** False: it was taken before. One statement, so that of two at once one is the first. */
  async claim(digest: string, clientId: string, until: Date): Promise<boolean> {
    const rows = await this.database.read((manager) =>
      manager.query<unknown[]>(
        `insert into signature_claim (digest, client_id, until) values (decode($1, 'hex'), $2, $3)
         on conflict do nothing returning 1`,
        [digest, clientId, until],
      ),
    );
    return rows.length > 0;
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
