import { Injectable } from '@nestjs/common';
import { within } from '@portcullis/authz';
import { type Caller, eventOrigin, Identity, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { type Secret } from '@portcullis/credentials';
import { Database, type Transaction } from '@portcullis/persistence';
import { PolicyFile, roleTokenGrant } from '@portcullis/policy';
import { SealingKeys } from '../sealing-keys.js';
import { CheckPassword } from '../sessions/check-password.js';
import { grantOf } from '../tokens/holder.js';
import { type User } from '../users/user.store.js';
import { CheckNodePassword } from './check-node-password.js';
import {
  exceedsGrant,
  type MintedRoleToken,
  MintRoleToken,
  noSuchThing,
  roleTokenDetails,
  roleTokenReply,
} from './mint-role-token.js';
import { RoleTokenSettings } from './role-token-settings.js';
import { type Installation, RoleTokenStore } from './role-token.store.js';

type Request = RequestOf<typeof Identity.issueRoleToken>;
type Wanted = NonNullable<Request['wanted']>;

/** The node password, or a person's e-mail and password, becomes a role token. The password is looked at first, then what is wanted. */
@Injectable()
export class IssueRoleToken {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly checkNodePassword: CheckNodePassword,
    private readonly checkPassword: CheckPassword,
    private readonly store: RoleTokenStore,
    private readonly mint: MintRoleToken,
    private readonly policy: PolicyFile,
    private readonly settings: RoleTokenSettings,
  ) {}

  async execute(request: Request, caller: Caller): Promise<ReplyOf<typeof Identity.issueRoleToken>> {
    if (!this.settings.nodePassword) throw noSuchThing();
    const password = this.sealingKeys.open(request.password, Identity.issueRoleToken.subject);
    const minted =
      request.email === null
        ? await this.forNode(password, request, caller)
        : await this.forPerson(request.email, password, request, caller);
    return roleTokenReply(caller, minted, Identity.issueRoleToken.subject);
  }

  private async forNode(password: Secret, request: Request, caller: Caller): Promise<MintedRoleToken> {
    await this.checkNodePassword.execute(password, caller);
    const wanted = this.wantedOf(request);
    return this.database.transaction(async (tx) =>
      this.issue(tx, await this.store.installation(tx), wanted, null, caller),
    );
  }

  private async forPerson(email: string, password: Secret, request: Request, caller: Caller): Promise<MintedRoleToken> {
    const user = await this.checkPassword.execute(
      { email, password, refusedAs: 'role-token.refused' },
      caller,
      async (user, forget) => {
        await this.database.transaction((tx) => forget(tx));
        return user;
      },
    );
    const wanted = this.wantedOf(request);
    const outcome = await this.database.transaction(async (tx) => {
      const installation = await this.store.installation(tx);
      const excess = this.excess(user, wanted, installation);
      if (excess.length === 0) return this.issue(tx, installation, wanted, user, caller);
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: installation.firstOrganizationId,
        action: 'role-token.refused',
        outcome: 'denied',
        actor: { kind: 'user', id: user.id, credential_id: null },
        resource: { kind: 'role-token', id: null },
        reason: 'exceeds_grant',
        details: { role: wanted.role },
      });
      return { excess };
    });
    if ('excess' in outcome) throw exceedsGrant(outcome.excess);
    return outcome;
  }

  /** What the role gives and the person does not hold in the first organization now. */
  private excess(user: User, { role }: Wanted, { firstOrganizationId }: Installation) {
    const { lattice } = this.policy.current;
    const membership = user.memberships.find(({ organization_id }) => organization_id === firstOrganizationId);
    return within(roleTokenGrant(lattice, role), membership ? grantOf(lattice, membership) : lattice.nothing);
  }

  private wantedOf({ wanted }: Request): Wanted {
    if (!wanted) throw new Refusal('invalid_request', 'The body must have a role and an expiry.');
    this.mint.checkExpiry(wanted.expiry);
    return wanted;
  }

  private async issue(
    tx: Transaction,
    installation: Installation,
    { role, expiry }: Wanted,
    owner: User | null,
    caller: Caller,
  ): Promise<MintedRoleToken> {
    const minted = await this.mint.execute(tx, installation, {
      role,
      expirySeconds: expiry,
      // As it was when the password was looked at: if that was changed meanwhile, the token is over before it is answered.
      owner: owner && { id: owner.id, passwordNumber: owner.passwordNumber },
    });
    const { id } = minted.claims;
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: installation.firstOrganizationId,
      action: 'role-token.issued',
      actor: owner
        ? { kind: 'user', id: owner.id, credential_id: id }
        : { kind: 'node', id: installation.id, credential_id: id },
      resource: { kind: 'role-token', id },
      details: roleTokenDetails(minted),
    });
    return minted;
  }
}
