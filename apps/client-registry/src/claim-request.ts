import { Injectable } from '@nestjs/common';
import { type ClientRegistry, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { ClaimStore, type ClientUse } from './claim.store.js';

/** Clients whose last use is remembered between two settlings. */
const mostRemembered = 10_000;
const mostForgotten = 10_000;

/**
 * Takes each signed request once, for all gateways. What it learns of the use of clients it keeps in memory and writes down
 * now and then (`settle`), never while a request waits.
 */
@Injectable()
export class ClaimRequest {
  private readonly uses = new Map<string, ClientUse>();

  constructor(
    private readonly database: Database,
    private readonly claims: ClaimStore,
  ) {}

  async execute({ claims }: RequestOf<typeof ClientRegistry.claim>): Promise<ReplyOf<typeof ClientRegistry.claim>> {
    const free = await this.claims.claim(claims);
    const now = this.database.now();
    return {
      claimed: claims.map((claim) => {
        // Of two of one kind in the same question the first one has it.
        if (!free.delete(claim.digest)) return false;
        this.noteUse({ id: claim.client, at: now, ip: claim.client_ip, userAgent: claim.user_agent });
        return true;
      }),
    };
  }

  /** Writes down who used which client last, and forgets claims that are past. */
  async settle(): Promise<void> {
    const uses = [...this.uses.values()];
    this.uses.clear();
    try {
      if (uses.length > 0) await this.claims.noteUses(uses);
    } catch (error) {
      for (const use of uses) if (!this.uses.has(use.id)) this.uses.set(use.id, use);
      throw error;
    }
    while ((await this.claims.forget(mostForgotten)) === mostForgotten);
  }

  private noteUse(use: ClientUse): void {
    if (this.uses.has(use.id) || this.uses.size < mostRemembered) this.uses.set(use.id, use);
  }
}
