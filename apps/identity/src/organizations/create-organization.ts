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
import { Database, once, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { NoEscalation } from '../grants/no-escalation.js';
import { MemberStore } from '../users/member.store.js';
import { organizationRecord, OrganizationStore } from './organization.store.js';

type Request = RequestOf<typeof Identity.createOrganization>;

/** Makes an organization. Whoever makes it is its owner, so it takes a person who holds all that an owner does. */
@Injectable()
export class CreateOrganization {
  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationStore,
    private readonly members: MemberStore,
    private readonly noEscalation: NoEscalation,
    private readonly confirmChange: ConfirmChange,
  ) {}

  async execute(request: Request, caller: AuthenticatedCaller): Promise<ReplyOf<typeof Identity.createOrganization>> {
    await demandFirst(this.organizations, caller);
    if (caller.principal.kind !== 'user') {
      throw new Refusal(
        'unprocessable',
        'An organization begins with an owner, and an owner is a person: create it as one.',
      );
    }
    this.noEscalation.demandWithin(caller, { roles: ['owner'], permissions: [] });
    const hmacKey = await this.database.localKey('idempotency');
    const about = {
      caller,
      operation: Identity.createOrganization.subject,
      body: request,
      hmacKey,
      now: this.database.now(),
    };
    const { record, seq } = await this.database.transaction((tx) =>
      once(tx, about, () => this.create(tx, request, caller)),
    );
    const enforcement = await this.confirmChange.execute({
      seqs: [seq],
      organizationId: record.id,
      resource: { kind: 'organization', id: record.id },
      keptAs: null,
    });
    return { ...record, enforcement };
  }

  private async create(tx: Transaction, { name }: Request, caller: AuthenticatedCaller) {
    const now = this.database.now();
    const id = newId('org', now);
    const { principal } = caller;
    await this.organizations.insert(tx, { id, name, first: false, createdAt: now });
    await this.members.join(tx, {
      userId: principal.id,
      organizationId: id,
      roles: ['owner'],
      permissions: [],
      at: now,
      by: principal.id,
    });
    // To those who may make organizations, and to those who read the new one's own record.
    for (const organization_id of [principal.organization_id, id]) {
      await tx.owe({
        ...eventOrigin(caller),
        organization_id,
        action: 'organization.created',
        resource: { kind: 'organization', id },
        details: { name, owner: principal.id },
      });
    }
    // Gateways know its maker as a member of fewer organizations.
    const seq = await tx.mark({ scope: 'principal', id: principal.id, effect: 'drop' });
    const made = { suspendedAt: null, suspendedBy: null, seq: null, enforcedAt: null } as const;
    return { record: organizationRecord({ id, name, status: 'active', first: false, createdAt: now, ...made }), seq };
  }
}

/** The catalogue's permission is for one's own organization; what concerns others takes it in the first. */
export async function demandFirst(organizations: OrganizationStore, caller: AuthenticatedCaller): Promise<void> {
  if (caller.principal.organization_id === (await organizations.firstId())) return;
  throw new Refusal(
    'forbidden',
    'Organizations are created, suspended and resumed from the first organization of the installation only.',
  );
}
