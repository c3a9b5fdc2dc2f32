import { S3Fault } from '@portcullis/credentials';

/** What any body may wait with: no more than a stream keeps to be fed. */
const freeBytes = 262_144;
const usualBytes = 268_435_456;
/** Of what there is one organization gets a quarter: who has the rest may go on, whatever one does. */
const organizationShares = 4;

/** What one request has of it. */
export interface MemoryShare {
  /** Instead of what it had before. Throws `S3Fault` `SlowDown` where there is no more. */
  readonly hold: (bytes: number) => void;
  readonly free: () => void;
}

/**
 * The memory of this process in which bodies wait until they are checked: signed chunks, up to 16 MiB each, and documents. Without a
 * bound, a few hundred connections that stop one byte short of a chunk's end would be the process's end.
 */
export class BodyMemory {
  #held = 0;
  readonly #byOrganization = new Map<string, number>();

  constructor(private readonly bytes = usualBytes) {}

  share(organizationId: string): MemoryShare {
    let mine = 0;
    const change = (by: number): void => {
      mine += by;
      this.#held += by;
      const theirs = (this.#byOrganization.get(organizationId) ?? 0) + by;
      if (theirs === 0) this.#byOrganization.delete(organizationId);
      else this.#byOrganization.set(organizationId, theirs);
    };
    return {
      hold: (bytes) => {
        const more = (bytes <= freeBytes ? 0 : bytes) - mine;
        const theirs = this.#byOrganization.get(organizationId) ?? 0;
        if (more > 0 && (this.#held + more > this.bytes || theirs + more > this.bytes / organizationShares))
          throw full();
        change(more);
      },
      free: () => change(-mine),
    };
  }

  get held(): number {
    return this.#held;
  }
}

const full = (): S3Fault =>
  new S3Fault(
    'SlowDown',
    'body_memory',
    'Too many large chunks are on their way at once. Try again shortly, or sign chunks of at most 256 KiB.',
  );
