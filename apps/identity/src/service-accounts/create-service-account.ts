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
import { NoEscalation } from '../grants/no-escalation.js';
import { serviceAccountRecord, ServiceAccountStore } from './service-account.store.js';

type Request = RequestOf<typeof Identity.createServiceAccount>;
type Reply = ReplyOf<typeof Identity.createServiceAccount>;

/** Makes an actor that is a system, within what its maker holds. It can do nothing until a key is made for it. */
@Injectable()
export class CreateServiceAccount {
  constructor(
    private readonly database: Database,
    private readonly accounts: ServiceAccountStore,
    private readonly noEscalation: NoEscalation,
  ) {}

  async execute(request: Request, caller: AuthenticatedCaller): Promise<Reply> {
    this.noEscalation.demandKnown(request);
    this.noEscalation.demandWithin(caller, request);
    const about = {
      caller,
      operation: Identity.createServiceAccount.subject,
      body: request,
      hmacKey: await this.database.localKey('idempotency'),
      now: this.database.now(),
    };
    return this.database.transaction((tx) => once(tx, about, () => this.create(tx, request, caller)));
  }

  private async create(tx: Transaction, request: Request, caller: AuthenticatedCaller): Promise<Reply> {
    const now = this.database.now();
    const { organization_id: organizationId, id: createdBy } = caller.principal;
    const account = {
      id: newId('sa', now),
      organizationId,
      name: request.name,
      description: request.description,
      roles: [...new Set(request.roles)],
      permissions: [...new Set(request.permissions)],
      createdAt: now,
      createdBy,
    };
    if (!(await this.accounts.insert(tx, account))) throw nameTaken();
    const { id, name, roles, permissions } = account;
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action: 'service-account.created',
      resource: { kind: 'service-account', id },
      details: { name, roles, permissions },
    });
    const fresh = { disabledAt: null, disabledBy: null, deletedAt: null, deletedBy: null, seq: null, enforcedAt: null };
    return serviceAccountRecord({ ...account, ...fresh });
  }
}

export const nameTaken = (): Refusal =>
  new Refusal('conflict', 'A service account of this organization has that name.', {
    errors: [{ field: 'name', message: 'is taken' }],
  });
