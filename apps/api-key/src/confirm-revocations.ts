import { Injectable } from '@nestjs/common';
import { EnforcementAuthority } from '@portcullis/bus';
import { type EnforcementReceipt, type OwedEvent } from '@portcullis/contracts';
import { type MarkerNotice } from '@portcullis/enforcement';
import { RevocationStore } from './revocation.store.js';

/** A key's revocation, as it was committed. */
export interface CommittedRevocation {
  id: string;
  organizationId: string;
  /** Its place in the order of this authority. */
  seq: number;
  /** Known before to be in force everywhere. */
  enforced: boolean;
  /** Its marker, where the transaction that made it has answered it. */
  notice?: MarkerNotice;
}

/** Who did something, and in which request. */
export type Origin = Pick<OwedEvent, 'actor' | 'request_id' | 'client_ip'>;

/** Answers when no gateway accepts any of these keys any more, and writes that down once for each. May be repeated at any time. */
@Injectable()
export class ConfirmRevocations {
  constructor(
    private readonly revocations: RevocationStore,
    private readonly authority: EnforcementAuthority,
  ) {}

  /** @param origin who revoked them and in which request, where somebody did */
  async execute(revocations: readonly CommittedRevocation[], origin: Origin = {}): Promise<EnforcementReceipt> {
    return (await this.confirm(revocations, origin)).receipt;
  }

  /** The same, with what was noted by this call: since when each is known to be in force everywhere. */
  async confirm(
    revocations: readonly CommittedRevocation[],
    origin: Origin,
  ): Promise<{ receipt: EnforcementReceipt; noted: ReadonlyMap<string, Date> }> {
    const [only, ...others] = revocations;
    const notice = others.length === 0 ? only?.notice : undefined;
    const receipt = await this.authority.confirm(
      revocations.map(({ seq }) => seq),
      notice,
    );
    const pending = revocations.filter(({ enforced }) => !enforced);
    if (pending.length === 0) return { receipt, noted: new Map() };
    const noted = await this.revocations.noteEnforced(
      pending.map(({ id }) => id),
      pending.map(({ id, organizationId }) => ({
        ...origin,
        organization_id: organizationId,
        action: 'revocation.enforced',
        resource: { kind: 'api-key', id },
        details: { ...receipt },
      })),
    );
    return { receipt, noted };
  }
}
