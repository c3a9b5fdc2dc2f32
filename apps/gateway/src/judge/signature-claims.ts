import { type Ask } from '@portcullis/bus';
import { ClientRegistry, type RequestInputOf } from '@portcullis/contracts';

export type Claim = RequestInputOf<typeof ClientRegistry.claim>['claims'][number];

const mostAtOnce = 256;

interface Waiting {
  readonly claim: Claim;
  readonly resolve: (claimed: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Claims what was signed with client-registry, so that it is good once on all gateways. Whatever gathers while one question is under way is
 * the next: one alone waits for nothing, many share a message and a transaction.
 */
export class SignatureClaims {
  #waiting: Waiting[] = [];
  #asking = false;

  constructor(private readonly ask: Ask) {}

  /** False: it was taken before. Rejects where that cannot be known. */
  take(claim: Claim): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ claim, resolve, reject });
      if (!this.#asking) void this.#askAll();
    });
  }

  async #askAll(): Promise<void> {
    this.#asking = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, mostAtOnce);
      try {
        const { claimed } = await this.ask(ClientRegistry.claim, { claims: batch.map(({ claim }) => claim) });
        for (const [at, { resolve }] of batch.entries()) resolve(claimed[at] === true);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#asking = false;
  }
}
