import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import {
  type AuthenticatedCaller,
  type Caller,
  Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { GatewayStore } from './gateways/gateway.store.js';
import { gatewaySeconds, RegisterGateway } from './gateways/register-gateway.js';
import { OrganizationStore } from './organizations/organization.store.js';
import { IssueRoleToken } from './role-tokens/issue-role-token.js';
import { RefreshRoleToken } from './role-tokens/refresh-role-token.js';
import { ResolveInstallation } from './role-tokens/resolve-installation.js';
import { RevokeRoleTokens } from './role-tokens/revoke-role-tokens.js';
import { SealingKeys } from './sealing-keys.js';
import { Login } from './sessions/login.js';
import { Logout } from './sessions/logout.js';
import { ReadSigningKeys } from './signing-keys/read-signing-keys.js';
import { RevokeSigningKey } from './signing-keys/revoke-signing-key.js';
import { SigningKeys } from './signing-keys/signing-keys.js';
import { Authenticate } from './tokens/authenticate.js';
import { GrantToClient } from './tokens/grant-to-client.js';
import { Reauthenticate } from './tokens/reauthenticate.js';
import { ResolveFamily } from './tokens/resolve-family.js';
import { RevokeToken } from './tokens/revoke-token.js';
import { ResolveHolder } from './users/resolve-holder.js';
import { ResolvePrincipal } from './users/resolve-principal.js';

type Operations = typeof Identity;
type Request<Name extends keyof Operations> = RequestOf<Operations[Name]>;
type Reply<Name extends keyof Operations> = Promise<ReplyOf<Operations[Name]>>;

@Controller()
export class IdentityController {
  constructor(
    private readonly loginUser: Login,
    private readonly logoutSession: Logout,
    private readonly authenticateClient: Authenticate,
    private readonly refreshPair: Reauthenticate,
    private readonly principals: ResolvePrincipal,
    private readonly holders: ResolveHolder,
    private readonly families: ResolveFamily,
    private readonly register: RegisterGateway,
    private readonly gateways: GatewayStore,
    private readonly signingKeys: SigningKeys,
    private readonly sealingKeys: SealingKeys,
    private readonly organizations: OrganizationStore,
    private readonly issueToken: IssueRoleToken,
    private readonly refreshToken: RefreshRoleToken,
    private readonly revokeTokens: RevokeRoleTokens,
    private readonly installations: ResolveInstallation,
    private readonly signingKeyRecords: ReadSigningKeys,
    private readonly revokeKey: RevokeSigningKey,
    private readonly grantAccess: GrantToClient,
    private readonly revokeOneToken: RevokeToken,
  ) {}

  @Handles(Identity.login)
  login(request: Request<'login'>, caller: Caller): Reply<'login'> {
    return this.loginUser.execute(request, caller);
  }

  @Handles(Identity.openSession)
  openSession(request: Request<'openSession'>, caller: Caller): Reply<'openSession'> {
    return this.loginUser.openSession(request, caller);
  }

  @Handles(Identity.continueSession)
  continueSession(request: Request<'continueSession'>, caller: Caller): Reply<'continueSession'> {
    return this.refreshPair.continueSession(request, caller);
  }

  @Handles(Identity.endSession)
  endSession(request: Request<'endSession'>, caller: Caller): Reply<'endSession'> {
    return this.logoutSession.endSession(request, caller);
  }

  @Handles(Identity.logout)
  logout(_request: Request<'logout'>, caller: AuthenticatedCaller): Reply<'logout'> {
    return this.logoutSession.execute(caller);
  }

  @Handles(Identity.authenticate)
  authenticate(request: Request<'authenticate'>, caller: Caller): Reply<'authenticate'> {
    return this.authenticateClient.execute(request, caller);
  }

  @Handles(Identity.grantBySecret)
  grantBySecret(request: Request<'grantBySecret'>, caller: Caller): Reply<'grantBySecret'> {
    return this.authenticateClient.grant(request, caller);
  }

  @Handles(Identity.grantToClient)
  grantToClient(request: Request<'grantToClient'>, caller: AuthenticatedCaller): Reply<'grantToClient'> {
    return this.grantAccess.execute(request, caller);
  }

  @Handles(Identity.revokeToken)
  revokeToken(request: Request<'revokeToken'>, caller: AuthenticatedCaller): Reply<'revokeToken'> {
    return this.revokeOneToken.execute(request, caller);
  }

  @Handles(Identity.reauthenticate)
  reauthenticate(request: Request<'reauthenticate'>, caller: Caller): Reply<'reauthenticate'> {
    return this.refreshPair.execute(request, caller);
  }

  @Handles(Identity.resolvePrincipal)
  resolvePrincipal(request: Request<'resolvePrincipal'>): Reply<'resolvePrincipal'> {
    return this.principals.execute(request);
  }

  @Handles(Identity.resolveHolder)
  resolveHolder(request: Request<'resolveHolder'>): Reply<'resolveHolder'> {
    return this.holders.execute(request);
  }

  @Handles(Identity.resolveFamily)
  resolveFamily(request: Request<'resolveFamily'>): Reply<'resolveFamily'> {
    return this.families.execute(request);
  }

  @Handles(Identity.keys)
  async keys(): Reply<'keys'> {
    const [access, gateways] = await Promise.all([
      this.signingKeys.published(),
      this.gateways.seenWithin(gatewaySeconds),
    ]);
    return { access, gateways };
  }

  @Handles(Identity.registerGateway)
  registerGateway(request: Request<'registerGateway'>): Reply<'registerGateway'> {
    return this.register.execute(request);
  }

  @Handles(Identity.gatewayKeys)
  async gatewayKeys(): Reply<'gatewayKeys'> {
    return { keys: await this.gateways.seenWithin(gatewaySeconds) };
  }

  @Handles(Identity.sealingKey)
  sealingKey(): Reply<'sealingKey'> {
    return Promise.resolve({ key: this.sealingKeys.published });
  }

  @Handles(Identity.installation)
  async installation(): Reply<'installation'> {
    const first = await this.organizations.firstId();
    if (!first)
      throw new Refusal('unavailable', 'The installation has not been founded yet.', { retryAfterSeconds: 1 });
    return { first_organization_id: first };
  }

  @Handles(Identity.issueRoleToken)
  issueRoleToken(request: Request<'issueRoleToken'>, caller: Caller): Reply<'issueRoleToken'> {
    return this.issueToken.execute(request, caller);
  }

  @Handles(Identity.refreshRoleToken)
  refreshRoleToken(request: Request<'refreshRoleToken'>, caller: AuthenticatedCaller): Reply<'refreshRoleToken'> {
    return this.refreshToken.execute(request, caller);
  }

  @Handles(Identity.revokeRoleTokens)
  revokeRoleTokens(request: Request<'revokeRoleTokens'>, caller: AuthenticatedCaller): Reply<'revokeRoleTokens'> {
    return this.revokeTokens.execute(request, caller);
  }

  @Handles(Identity.listSigningKeys)
  listSigningKeys(request: Request<'listSigningKeys'>, caller: AuthenticatedCaller): Reply<'listSigningKeys'> {
    return this.signingKeyRecords.list(request, caller);
  }

  @Handles(Identity.revokeSigningKey)
  revokeSigningKey(request: Request<'revokeSigningKey'>, caller: AuthenticatedCaller): Reply<'revokeSigningKey'> {
    return this.revokeKey.execute(request, caller);
  }

  @Handles(Identity.resolveInstallation)
  resolveInstallation(): Reply<'resolveInstallation'> {
    return this.installations.execute();
  }
}
