import { Injectable } from '@nestjs/common';

export interface UseSince {
  requests: number;
  lastRequestAt: Date | null;
}

/** What keys have done, for whoever asks about a leaked one. Here nothing is kept of it: whoever keeps requests stands in. */
@Injectable()
export class KeyUse {
  /** By key id; a key that is not there did nothing. Null: nobody knows. */
  since(_organizationId: string, _keyIds: readonly string[], _since: Date): Promise<Map<string, UseSince> | null> {
    return Promise.resolve(null);
  }
}
