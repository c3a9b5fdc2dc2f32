import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { type AuthenticatedCaller, ClientRegistry, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { ClaimRequest } from './claim-request.js';
import { CreateClient } from './create-client.js';
import { ReadClients } from './read-clients.js';
import { ResolveGrant } from './resolve-grant.js';
import { RevokeClient } from './revoke-client.js';
import { RotateClient } from './rotate-client.js';
import { UpdateClient } from './update-client.js';

type Operations = typeof ClientRegistry;
type Request<Name extends keyof Operations> = RequestOf<Operations[Name]>;
type Reply<Name extends keyof Operations> = Promise<ReplyOf<Operations[Name]>>;

/** The message face: one method per operation, one call each. */
@Controller()
export class ClientRegistryController {
  constructor(
    private readonly createClient: CreateClient,
    private readonly readClients: ReadClients,
    private readonly updateClient: UpdateClient,
    private readonly rotateClient: RotateClient,
    private readonly revokeClient: RevokeClient,
    private readonly claimRequest: ClaimRequest,
    private readonly grants: ResolveGrant,
  ) {}

  @Handles(ClientRegistry.create)
  create(request: Request<'create'>, caller: AuthenticatedCaller): Reply<'create'> {
    return this.createClient.execute(caller, request);
  }

  @Handles(ClientRegistry.list)
  list(request: Request<'list'>, caller: AuthenticatedCaller): Reply<'list'> {
    return this.readClients.list(caller, request);
  }

  @Handles(ClientRegistry.read)
  read(request: Request<'read'>, caller: AuthenticatedCaller): Reply<'read'> {
    return this.readClients.one(caller, request);
  }

  @Handles(ClientRegistry.update)
  update(request: Request<'update'>, caller: AuthenticatedCaller): Reply<'update'> {
    return this.updateClient.update(caller, request);
  }

  @Handles(ClientRegistry.rotate)
  rotate(request: Request<'rotate'>, caller: AuthenticatedCaller): Reply<'rotate'> {
    return this.rotateClient.execute(caller, request);
  }

  @Handles(ClientRegistry.enable)
  enable(request: Request<'enable'>, caller: AuthenticatedCaller): Reply<'enable'> {
    return this.updateClient.enable(caller, request);
  }

  @Handles(ClientRegistry.disable)
  disable(request: Request<'disable'>, caller: AuthenticatedCaller): Reply<'disable'> {
    return this.updateClient.disable(caller, request);
  }

  @Handles(ClientRegistry.revoke)
  revoke(request: Request<'revoke'>, caller: AuthenticatedCaller): Reply<'revoke'> {
    return this.revokeClient.execute(caller, request);
  }

  @Handles(ClientRegistry.resolve)
  resolve(request: Request<'resolve'>): Reply<'resolve'> {
    return this.readClients.resolve(request);
  }

  @Handles(ClientRegistry.resolveGrant)
  resolveGrant(request: Request<'resolveGrant'>): Reply<'resolveGrant'> {
    return this.grants.execute(request);
  }

  @Handles(ClientRegistry.claim)
  claim(request: Request<'claim'>): Reply<'claim'> {
    return this.claimRequest.execute(request);
  }
}
