import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { type AuthenticatedCaller, type Caller, Identity, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { ChangeOrganization } from './organizations/change-organization.js';
import { CreateOrganization } from './organizations/create-organization.js';
import { ReadOrganizations } from './organizations/read-organizations.js';
import { ChangeServiceAccount } from './service-accounts/change-service-account.js';
import { CreateServiceAccount } from './service-accounts/create-service-account.js';
import { ReadServiceAccounts } from './service-accounts/read-service-accounts.js';
import { AcceptInvitation } from './users/accept-invitation.js';
import { ChangePassword } from './users/change-password.js';
import { CreateUser } from './users/create-user.js';
import { InviteUser } from './users/invite-user.js';
import { ReadUsers } from './users/read-users.js';
import { RemoveUser } from './users/remove-user.js';
import { UpdateUser } from './users/update-user.js';

type Operations = typeof Identity;
type Request<Name extends keyof Operations> = RequestOf<Operations[Name]>;
type Reply<Name extends keyof Operations> = Promise<ReplyOf<Operations[Name]>>;

/** Organizations, people and service accounts: one method per operation, one call each. */
@Controller()
export class OwnersController {
  constructor(
    private readonly organizations: ReadOrganizations,
    private readonly organizationMaker: CreateOrganization,
    private readonly organizationChanges: ChangeOrganization,
    private readonly users: ReadUsers,
    private readonly userMaker: CreateUser,
    private readonly userChanges: UpdateUser,
    private readonly removal: RemoveUser,
    private readonly invitation: InviteUser,
    private readonly passwords: ChangePassword,
    private readonly acceptance: AcceptInvitation,
    private readonly accounts: ReadServiceAccounts,
    private readonly accountMaker: CreateServiceAccount,
    private readonly accountChanges: ChangeServiceAccount,
  ) {}

  @Handles(Identity.listOrganizations)
  listOrganizations(request: Request<'listOrganizations'>, caller: AuthenticatedCaller): Reply<'listOrganizations'> {
    return this.organizations.list(request, caller);
  }

  @Handles(Identity.readOrganization)
  readOrganization(request: Request<'readOrganization'>, caller: AuthenticatedCaller): Reply<'readOrganization'> {
    return this.organizations.one(request, caller);
  }

  @Handles(Identity.createOrganization)
  createOrganization(request: Request<'createOrganization'>, caller: AuthenticatedCaller): Reply<'createOrganization'> {
    return this.organizationMaker.execute(request, caller);
  }

  @Handles(Identity.updateOrganization)
  updateOrganization(request: Request<'updateOrganization'>, caller: AuthenticatedCaller): Reply<'updateOrganization'> {
    return this.organizationChanges.rename(request, caller);
  }

  @Handles(Identity.suspendOrganization)
  suspendOrganization(
    request: Request<'suspendOrganization'>,
    caller: AuthenticatedCaller,
  ): Reply<'suspendOrganization'> {
    return this.organizationChanges.suspend(request, caller);
  }

  @Handles(Identity.resumeOrganization)
  resumeOrganization(request: Request<'resumeOrganization'>, caller: AuthenticatedCaller): Reply<'resumeOrganization'> {
    return this.organizationChanges.resume(request, caller);
  }

  @Handles(Identity.listUsers)
  listUsers(request: Request<'listUsers'>, caller: AuthenticatedCaller): Reply<'listUsers'> {
    return this.users.list(request, caller);
  }

  @Handles(Identity.readUser)
  readUser(request: Request<'readUser'>, caller: AuthenticatedCaller): Reply<'readUser'> {
    return this.users.one(request, caller);
  }

  @Handles(Identity.createUser)
  createUser(request: Request<'createUser'>, caller: AuthenticatedCaller): Reply<'createUser'> {
    return this.userMaker.execute(request, caller);
  }

  @Handles(Identity.updateUser)
  updateUser(request: Request<'updateUser'>, caller: AuthenticatedCaller): Reply<'updateUser'> {
    return this.userChanges.execute(request, caller);
  }

  @Handles(Identity.removeUser)
  removeUser(request: Request<'removeUser'>, caller: AuthenticatedCaller): Reply<'removeUser'> {
    return this.removal.execute(request, caller);
  }

  @Handles(Identity.inviteUser)
  inviteUser(request: Request<'inviteUser'>, caller: AuthenticatedCaller): Reply<'inviteUser'> {
    return this.invitation.execute(request, caller);
  }

  @Handles(Identity.changePassword)
  changePassword(request: Request<'changePassword'>, caller: AuthenticatedCaller): Reply<'changePassword'> {
    return this.passwords.execute(request, caller);
  }

  @Handles(Identity.acceptInvitation)
  acceptInvitation(request: Request<'acceptInvitation'>, caller: Caller): Reply<'acceptInvitation'> {
    return this.acceptance.execute(request, caller);
  }

  @Handles(Identity.listServiceAccounts)
  listServiceAccounts(
    request: Request<'listServiceAccounts'>,
    caller: AuthenticatedCaller,
  ): Reply<'listServiceAccounts'> {
    return this.accounts.list(request, caller);
  }

  @Handles(Identity.readServiceAccount)
  readServiceAccount(request: Request<'readServiceAccount'>, caller: AuthenticatedCaller): Reply<'readServiceAccount'> {
    return this.accounts.one(request, caller);
  }

  @Handles(Identity.createServiceAccount)
  createServiceAccount(
    request: Request<'createServiceAccount'>,
    caller: AuthenticatedCaller,
  ): Reply<'createServiceAccount'> {
    return this.accountMaker.execute(request, caller);
  }

  @Handles(Identity.updateServiceAccount)
  updateServiceAccount(
    request: Request<'updateServiceAccount'>,
    caller: AuthenticatedCaller,
  ): Reply<'updateServiceAccount'> {
    return this.accountChanges.update(request, caller);
  }

  @Handles(Identity.disableServiceAccount)
  disableServiceAccount(
    request: Request<'disableServiceAccount'>,
    caller: AuthenticatedCaller,
  ): Reply<'disableServiceAccount'> {
    return this.accountChanges.disable(request, caller);
  }

  @Handles(Identity.enableServiceAccount)
  enableServiceAccount(
    request: Request<'enableServiceAccount'>,
    caller: AuthenticatedCaller,
  ): Reply<'enableServiceAccount'> {
    return this.accountChanges.enable(request, caller);
  }

  @Handles(Identity.deleteServiceAccount)
  deleteServiceAccount(
    request: Request<'deleteServiceAccount'>,
    caller: AuthenticatedCaller,
  ): Reply<'deleteServiceAccount'> {
    return this.accountChanges.delete(request, caller);
  }
}
