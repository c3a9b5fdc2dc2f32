import { Injectable } from '@nestjs/common';
import {
  type Action,
  type AuthenticatedCaller,
  eventOrigin,
  type Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { NoEscalation } from '../grants/no-escalation.js';
import { KeyDebts } from '../key-debts/key-debts.js';
import { nameTaken } from './create-service-account.js';
import { noSuchServiceAccount } from './read-service-accounts.js';
import {
  type ServiceAccount,
  serviceAccountRecord,
  ServiceAccountStore,
  type ServiceAccountText,
} from './service-account.store.js';

type Changed = ReplyOf<typeof Identity.updateServiceAccount>;
type Named = { id: string };

/** Edits, disables, enables and deletes a service account. Answers when every live enforcer goes by it. */
@Injectable()
export class ChangeServiceAccount {
  constructor(
    private readonly database: Database,
    private readonly accounts: ServiceAccountStore,
    private readonly noEscalation: NoEscalation,
    private readonly keyDebts: KeyDebts,
    private readonly confirmChange: ConfirmChange,
  ) {}

  async update(
    request: RequestOf<typeof Identity.updateServiceAccount>,
    caller: AuthenticatedCaller,
  ): Promise<Changed> {
    const { id, ...changes } = request;
    if (Object.values(changes).every((value) => value === undefined)) {
      throw new Refusal('invalid_request', 'The body names nothing to change.', {
        errors: [{ field: '(body)', message: 'must have one of name, description, roles and permissions' }],
      });
    }
    this.noEscalation.demandKnown({ roles: request.roles ?? [], permissions: request.permissions ?? [] });
    return this.change(caller, id, async (tx, account) => {
      demandNotDeleted(account);
      const before = textOf(account);
      const after = textOf({
        ...before,
        ...(request.name === undefined ? {} : { name: request.name }),
        ...(request.description === undefined ? {} : { description: request.description }),
        ...(request.roles === undefined ? {} : { roles: [...new Set(request.roles)] }),
        ...(request.permissions === undefined ? {} : { permissions: [...new Set(request.permissions)] }),
      });
      if (JSON.stringify(after) === JSON.stringify(before)) return [];
      // Before and after, whatever is edited: a name too is what others know it by.
      this.noEscalation.demandWithin(caller, before);
      this.noEscalation.demandWithin(caller, after);
      if (after.name !== before.name && (await this.accounts.isNameTaken(tx, account, after.name))) throw nameTaken();
      await this.accounts.write(tx, id, after);
      await this.owe(tx, 'service-account.updated', account, caller, { before, after });
      if (JSON.stringify(grantOf(after)) === JSON.stringify(grantOf(before))) return [];
      const seq = await tx.mark({ scope: 'principal', id, effect: 'drop' });
      if (!this.noEscalation.narrows(before, after)) return [seq];
      const renames = after.name !== before.name || after.description !== before.description;
      if (!renames && !this.noEscalation.narrows(after, before)) tx.takesAway();
      await this.accounts.setSeq(tx, id, seq);
      return [seq];
    });
  }

  /** Whoever manages service accounts may stop any of them: that takes away, and hands out nothing. */
  disable({ id }: Named, caller: AuthenticatedCaller): Promise<Changed> {
    return this.change(caller, id, async (tx, account) => {
      demandNotDeleted(account);
      if (account.disabledAt !== null) return [];
      await this.accounts.disable(tx, id, { at: this.database.now(), by: caller.principal.id });
      await this.owe(tx, 'service-account.disabled', account, caller, {});
      const seq = await tx.mark({ scope: 'principal', id, effect: 'block' });
      await this.accounts.setSeq(tx, id, seq);
      return [seq];
    });
  }

  enable({ id }: Named, caller: AuthenticatedCaller): Promise<Changed> {
    return this.change(caller, id, async (tx, account) => {
      demandNotDeleted(account);
      if (account.disabledAt === null) return [];
      this.noEscalation.demandWithin(caller, account);
      await this.accounts.enable(tx, id);
      await this.owe(tx, 'service-account.enabled', account, caller, {});
      return [await tx.mark({ scope: 'principal', id, effect: 'lift' })];
    });
  }

  async delete({ id }: Named, caller: AuthenticatedCaller): Promise<Changed> {
    const { organization_id: organizationId, id: by } = caller.principal;
    const known = await this.accounts.find(organizationId, id);
    const keys = known && known.deletedAt === null ? await this.keyDebts.liveKeys(id, organizationId) : null;
    const changed = await this.change(caller, id, async (tx, account) => {
      if (account.deletedAt !== null) return [];
      await this.accounts.delete(tx, id, { at: this.database.now(), by });
      await this.keyDebts.owe(tx, { ownerId: id, organizationId, revokedBy: by, because: 'service-account.deleted' });
      await this.owe(tx, 'service-account.deleted', account, caller, { name: account.name, keys });
      // The record says deleted for ever, so that a drop will do. A block would stand in every gateway for ever.
      const seq = await tx.mark({ scope: 'principal', id, effect: 'drop' });
      await this.accounts.setSeq(tx, id, seq);
      return [seq];
    });
    return changed;
  }

  private async change(
    caller: AuthenticatedCaller,
    id: string,
    work: (tx: Transaction, account: ServiceAccount) => Promise<number[]>,
  ): Promise<Changed> {
    const { organization_id: organizationId } = caller.principal;
    const seqs = await this.database.transaction(async (tx) => {
      const account = await this.accounts.lock(tx, organizationId, id);
      if (!account) throw noSuchServiceAccount();
      const made = await work(tx, account);
      return account.seq === null ? made : [account.seq, ...made];
    });
    this.keyDebts.kick();
    const enforcement = await this.confirmChange.execute({
      seqs,
      organizationId,
      resource: { kind: 'service-account', id },
      keptAs: 'service-account',
    });
    const account = await this.accounts.find(organizationId, id);
    if (!account) throw noSuchServiceAccount();
    return { ...serviceAccountRecord(account), enforcement };
  }

  private async owe(
    tx: Transaction,
    action: Action,
    { id, organizationId }: ServiceAccount,
    caller: AuthenticatedCaller,
    details: Record<string, unknown>,
  ): Promise<void> {
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action,
      resource: { kind: 'service-account', id },
      details,
    });
  }
}

function demandNotDeleted({ deletedAt }: ServiceAccount): void {
  if (deletedAt === null) return;
  throw new Refusal('conflict', 'This service account is deleted, which is for ever. Make another.');
}

const textOf = ({ name, description, roles, permissions }: ServiceAccountText) => ({
  name,
  description,
  roles,
  permissions,
});
const grantOf = ({ roles, permissions }: ServiceAccountText) => ({ roles, permissions });
