import { type DynamicModule, Module } from '@nestjs/common';
import { Bus, EnforcementAuthority } from '@portcullis/bus';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { GatewayStore } from './gateways/gateway.store.js';
import { RegisterGateway } from './gateways/register-gateway.js';
import { ConfirmChange } from './confirm-change.js';
import { EnforcedStore } from './enforced.store.js';
import { NoEscalation } from './grants/no-escalation.js';
import { IdentityController } from './identity.controller.js';
import { KeyDebts } from './key-debts/key-debts.js';
import { ChangeOrganization } from './organizations/change-organization.js';
import { CreateOrganization } from './organizations/create-organization.js';
import { OrganizationStore } from './organizations/organization.store.js';
import { ReadOrganizations } from './organizations/read-organizations.js';
import { OwnersController } from './owners.controller.js';
import { Owners } from './owners.js';
import { CheckNodePassword } from './role-tokens/check-node-password.js';
import { IssueRoleToken } from './role-tokens/issue-role-token.js';
import { MintRoleToken } from './role-tokens/mint-role-token.js';
import { NodePasswordFailureStore } from './role-tokens/node-password-failure.store.js';
import { RefreshRoleToken } from './role-tokens/refresh-role-token.js';
import { ResolveInstallation } from './role-tokens/resolve-installation.js';
import { RevokeRoleTokens } from './role-tokens/revoke-role-tokens.js';
import { RoleTokenSettings } from './role-tokens/role-token-settings.js';
import { RoleTokenStore } from './role-tokens/role-token.store.js';
import { SealingKeys } from './sealing-keys.js';
import { ChangeServiceAccount } from './service-accounts/change-service-account.js';
import { CreateServiceAccount } from './service-accounts/create-service-account.js';
import { ReadServiceAccounts } from './service-accounts/read-service-accounts.js';
import { ServiceAccountStore } from './service-accounts/service-account.store.js';
import { CheckPassword } from './sessions/check-password.js';
import { Login } from './sessions/login.js';
import { Logout } from './sessions/logout.js';
import { SignInFailureStore } from './sessions/sign-in-failure.store.js';
import { ReadSigningKeys } from './signing-keys/read-signing-keys.js';
import { RevokeSigningKey } from './signing-keys/revoke-signing-key.js';
import { SigningKeyStore } from './signing-keys/signing-key.store.js';
import { SigningKeys } from './signing-keys/signing-keys.js';
import { Authenticate } from './tokens/authenticate.js';
import { FamilyStore } from './tokens/family.store.js';
import { GrantToClient } from './tokens/grant-to-client.js';
import { IssuePair } from './tokens/issue-pair.js';
import { KeyRecords } from './tokens/key-records.js';
import { ReadRefreshToken } from './tokens/read-refresh-token.js';
import { Reauthenticate } from './tokens/reauthenticate.js';
import { ResolveFamily } from './tokens/resolve-family.js';
import { RevokeFamily } from './tokens/revoke-family.js';
import { RevokeToken } from './tokens/revoke-token.js';
import { TokenSettings } from './tokens/token-pair.js';
import { AcceptInvitation } from './users/accept-invitation.js';
import { ChangePassword } from './users/change-password.js';
import { CreateUser } from './users/create-user.js';
import { InvitationMail } from './users/invitation-mail.js';
import { InvitationStore } from './users/invitation.store.js';
import { Invitations } from './users/invitations.js';
import { InviteUser } from './users/invite-user.js';
import { LockMember } from './users/lock-member.js';
import { MemberStore } from './users/member.store.js';
import { ReadUsers } from './users/read-users.js';
import { RemoveUser } from './users/remove-user.js';
import { ResolveHolder } from './users/resolve-holder.js';
import { ResolvePrincipal } from './users/resolve-principal.js';
import { UpdateUser } from './users/update-user.js';
import { UserStore } from './users/user.store.js';

/** The service's own corner of Postgres. */
export const identityDatabase = {
  service: 'identity',
  schema: 'identity',
  entities: [],
  migrations: new URL('../migrations/', import.meta.url),
} as const;

/** What the service is made of that was opened outside of it. */
export interface IdentityParts {
  bus: Bus;
  database: Database;
  authority: EnforcementAuthority;
  policy: PolicyFile;
  signingKeys: SigningKeys;
  sealingKeys: SealingKeys;
  tokens: TokenSettings;
  roleTokens: RoleTokenSettings;
  keyDebts: KeyDebts;
  mail: InvitationMail;
}

/** The list of what exists in identity. */
@Module({})
export class IdentityModule {
  static of(parts: IdentityParts): DynamicModule {
    const stores = [
      GatewayStore,
      OrganizationStore,
      SignInFailureStore,
      FamilyStore,
      UserStore,
      MemberStore,
      InvitationStore,
      ServiceAccountStore,
      NodePasswordFailureStore,
      RoleTokenStore,
      EnforcedStore,
      SigningKeyStore,
    ];
    return {
      module: IdentityModule,
      controllers: [IdentityController, OwnersController],
      providers: [
        { provide: Bus, useValue: parts.bus },
        { provide: Database, useValue: parts.database },
        { provide: EnforcementAuthority, useValue: parts.authority },
        { provide: PolicyFile, useValue: parts.policy },
        { provide: SigningKeys, useValue: parts.signingKeys },
        { provide: SealingKeys, useValue: parts.sealingKeys },
        { provide: TokenSettings, useValue: parts.tokens },
        { provide: RoleTokenSettings, useValue: parts.roleTokens },
        { provide: KeyDebts, useValue: parts.keyDebts },
        { provide: InvitationMail, useValue: parts.mail },
        ...stores.map((store) => ({ provide: store, useValue: new store(parts.database) })),
        KeyRecords,
        IssuePair,
        ReadRefreshToken,
        RevokeFamily,
        Authenticate,
        Reauthenticate,
        GrantToClient,
        RevokeToken,
        ResolveFamily,
        CheckPassword,
        Login,
        Logout,
        RegisterGateway,
        ResolvePrincipal,
        ResolveHolder,
        CheckNodePassword,
        MintRoleToken,
        IssueRoleToken,
        RefreshRoleToken,
        RevokeRoleTokens,
        ResolveInstallation,
        ReadSigningKeys,
        RevokeSigningKey,
        Owners,
        NoEscalation,
        ConfirmChange,
        CreateOrganization,
        ReadOrganizations,
        ChangeOrganization,
        ReadUsers,
        LockMember,
        Invitations,
        CreateUser,
        InviteUser,
        AcceptInvitation,
        UpdateUser,
        RemoveUser,
        ChangePassword,
        ReadServiceAccounts,
        CreateServiceAccount,
        ChangeServiceAccount,
      ],
    };
  }
}
