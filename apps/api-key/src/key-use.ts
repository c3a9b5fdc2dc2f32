import { Injectable } from '@nestjs/common';
import { RequestStore } from './usage/request.store.js';

export interface UseSince {
  requests: number;
  lastRequestAt: Date | null;
}

/** What keys have done, for whoever asks about a leaked one: as far back as requests are kept. */
@Injectable()
export class KeyUse {
  constructor(private readonly requests: RequestStore) {}

  /** By key id; a key that is not there did nothing. Null: nobody knows. */
  since(organizationId: string, keyIds: readonly string[], since: Date): Promise<Map<string, UseSince> | null> {
    return this.requests.countSince(organizationId, keyIds, since);
  }
}
