import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  eventOrigin,
  Identity,
  newId,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { FamilyStore } from './family.store.js';
import { withinScope } from './holder.js';
import { IssuePair } from './issue-pair.js';
import { sealGrant } from './seal-pair.js';
import { type Holder } from './token-pair.js';

/**
 * A machine client gets an access token. The gateway has verified that it is the client, by its key; what the token may be used for is what
 * the client holds in this request, and no more than its record says whenever it is used.
 */
@Injectable()
export class GrantToClient {
  constructor(
    private readonly database: Database,
    private readonly families: FamilyStore,
    private readonly issuePair: IssuePair,
    private readonly policy: PolicyFile,
  ) {}

  async execute(
    { scope, key_fingerprint: keyFingerprint }: RequestOf<typeof Identity.grantToClient>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.grantToClient>> {
    const { principal } = caller;
    if (principal.kind !== 'client' || principal.client_id === undefined) {
      throw new Refusal('forbidden', 'Only a machine client gets a token in this way.');
    }
    const holder: Holder = withinScope(
      this.policy.current.lattice,
      {
        sub: principal.client_id,
        clientId: principal.client_id,
        organizationId: principal.organization_id,
        credentialId: principal.id,
        permissions: principal.permissions,
        ...(principal.resources.buckets === undefined ? {} : { buckets: principal.resources.buckets }),
        endsAt: null,
      },
      scope,
    );
    const signingKey = await this.issuePair.signingKey();
    const issued = await this.database.transaction(async (tx) => {
      const now = this.database.now();
      const family = { id: newId('tok', now), endsAt: this.issuePair.familyEnd(now) };
      await this.families.insert(
        tx,
        {
          ...family,
          kind: 'client',
          credentialId: principal.id,
          principalKind: 'client',
          principalId: principal.id,
          organizationId: principal.organization_id,
          keyFingerprint,
        },
        now,
      );
      const pair = await this.issuePair.execute(tx, signingKey, family, holder);
      if (!pair) throw new Error('a token without an end has no life');
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: principal.organization_id,
        action: 'token.issued',
        resource: { kind: 'token', id: pair.accessJti },
        details: { family: family.id, client_id: principal.client_id, permissions: holder.permissions },
      });
      return pair;
    });
    return sealGrant(caller, issued, holder, Identity.grantToClient.subject);
  }
}
