import { Injectable } from '@nestjs/common';
import { EnforcementAuthority } from '@portcullis/bus';
import { type EnforcementReceipt, type OwedEvent } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { ApiKeyStore } from './api-key.store.js';

/** A key's revocation, as it was committed. */
export interface CommittedRevocation {
  id: string;
  organizationId: string;
  /** Its place in the order of this authority. */
  seq: number;
  /** Known before to be in force everywhere. */
  enforced: boolean;
}

/** Who did something, and in which request. */
export type Origin = Pick<OwedEvent, 'actor' | 'request_id' | 'client_ip'>;

/** Answers when no gateway accepts any of these keys any more, and writes that down once for each. May be repeated at any time. */
@Injectable()
export class ConfirmRevocations {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyStore,
    private readonly authority: EnforcementAuthority,
  ) {}

  /** @param origin who revoked them and in which request, where somebody did */
  async execute(revocations: readonly CommittedRevocation[], origin: Origin = {}): Promise<EnforcementReceipt> {
    const receipt = await this.authority.confirm(revocations.map(({ seq }) => seq));
    // In the order of their ids, so that two at once wait for one another and not each for the other.
    const pending = revocations.filter(({ enforced }) => !enforced).sort((a, b) => (a.id < b.id ? -1 : 1));
    if (pending.length === 0) return receipt;
    await this.database.transaction(async (tx) => {
      for (const { id, organizationId } of pending) {
        if (!(await this.keys.markEnforced(tx, id))) continue;
        await tx.owe({
          ...origin,
          organization_id: organizationId,
          action: 'revocation.enforced',
          resource: { kind: 'api-key', id },
          details: { ...receipt },
        });
      }
    });
    return receipt;
  }
}
