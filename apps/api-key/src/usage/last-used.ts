import { type AccessRecord } from '@portcullis/contracts';

/** A use of a key, the latest that is known of that key and secret. */
export interface Use {
  readonly keyId: string;
  /** Null where it is not known by which. */
  readonly secretId: string | null;
  readonly timeMs: number;
  readonly clientIp: string;
  readonly userAgent: string | null;
}

/**
 * Less than the minute within which last use must be current, so that what arrives just after a write is in the next one in time:
 * half a second at the gateway, and as much for a turn of the timer here.
 */
const writeEveryMs = 55_000;

/** Which last uses are to be written now: the first of a key at once, then what came since, once in 55 seconds. Pure; time is given. */
export class LastUsed {
  /** Of each key, its latest use by each secret that is not written yet. */
  readonly #waiting = new Map<string, Map<string | null, Use>>();
  readonly #writtenMs = new Map<string, number>();

  note(use: Use): void {
    let ofKey = this.#waiting.get(use.keyId);
    if (!ofKey) this.#waiting.set(use.keyId, (ofKey = new Map<string | null, Use>()));
    if ((ofKey.get(use.secretId)?.timeMs ?? -1) < use.timeMs) ofKey.set(use.secretId, use);
  }

  due(nowMs: number): Use[] {
    return [...this.#waiting].flatMap(([keyId, uses]) => (this.#mayWrite(keyId, nowMs) ? [...uses.values()] : []));
  }

  /** These were written at `nowMs`. What was noted meanwhile waits for its turn. */
  written(uses: readonly Use[], nowMs: number): void {
    for (const use of uses) {
      this.#writtenMs.set(use.keyId, nowMs);
      const ofKey = this.#waiting.get(use.keyId);
      if (ofKey?.get(use.secretId) === use) ofKey.delete(use.secretId);
      if (ofKey?.size === 0) this.#waiting.delete(use.keyId);
    }
    for (const keyId of this.#writtenMs.keys()) {
      if (this.#mayWrite(keyId, nowMs)) this.#writtenMs.delete(keyId);
    }
  }

  #mayWrite(keyId: string, nowMs: number): boolean {
    const writtenMs = this.#writtenMs.get(keyId);
    // A clock that was set back must not silence a key.
    return writtenMs === undefined || nowMs - writtenMs >= writeEveryMs || nowMs < writtenMs;
  }
}

export const useOf = (record: AccessRecord): Use => ({
  keyId: record.api_key_id,
  secretId: record.secret_id,
  timeMs: record.time_ms,
  clientIp: record.client_ip,
  userAgent: record.user_agent,
});
