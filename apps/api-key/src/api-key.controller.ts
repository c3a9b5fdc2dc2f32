import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { ApiKey, type AuthenticatedCaller, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { TakeSlices } from './limits/take-slices.js';
import { IssueKey } from './issue-key.js';
import { ReadKeys } from './read-keys.js';
import { RevokeKey } from './revoke-key.js';
import { ReadRequests } from './usage/read-requests.js';
import { DisableKey } from './disable-key.js';
import { FindLeaked } from './find-leaked.js';
import { ImportKeys } from './import-keys.js';
import { ResolveGrant } from './resolve-grant.js';
import { RotateKey } from './rotate-key.js';
import { ResolveAccessKey } from './s3/resolve-access-key.js';
import { UpdateKey } from './update-key.js';
import { RevokeOwned } from './revoke-owned.js';

/** The message face: one method per operation, one call each. */
@Controller()
export class ApiKeyController {
  constructor(
    private readonly issueKey: IssueKey,
    private readonly revokeKey: RevokeKey,
    private readonly readKeys: ReadKeys,
    private readonly readRequests: ReadRequests,
    private readonly takeSlices: TakeSlices,
    private readonly updateKey: UpdateKey,
    private readonly rotateKey: RotateKey,
    private readonly disableKey: DisableKey,
    private readonly importKeys: ImportKeys,
    private readonly findLeakedKeys: FindLeaked,
    private readonly ownedKeys: RevokeOwned,
    private readonly grants: ResolveGrant,
    private readonly accessKeys: ResolveAccessKey,
  ) {}

  @Handles(ApiKey.create)
  create(
    request: RequestOf<typeof ApiKey.create>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.create>> {
    return this.issueKey.execute(caller, request);
  }

  @Handles(ApiKey.list)
  list(request: RequestOf<typeof ApiKey.list>, caller: AuthenticatedCaller): Promise<ReplyOf<typeof ApiKey.list>> {
    return this.readKeys.list(caller, request);
  }

  @Handles(ApiKey.read)
  read(request: RequestOf<typeof ApiKey.read>, caller: AuthenticatedCaller): Promise<ReplyOf<typeof ApiKey.read>> {
    return this.readKeys.one(caller, request);
  }

  @Handles(ApiKey.revoke)
  revoke(
    request: RequestOf<typeof ApiKey.revoke>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.revoke>> {
    return this.revokeKey.execute(caller, request);
  }

  @Handles(ApiKey.resolve)
  resolve(request: RequestOf<typeof ApiKey.resolve>): Promise<ReplyOf<typeof ApiKey.resolve>> {
    return this.readKeys.resolve(request);
  }

  @Handles(ApiKey.resolveAccessKey)
  resolveAccessKey(
    request: RequestOf<typeof ApiKey.resolveAccessKey>,
  ): Promise<ReplyOf<typeof ApiKey.resolveAccessKey>> {
    return this.accessKeys.execute(request);
  }

  @Handles(ApiKey.resolveGrant)
  resolveGrant(request: RequestOf<typeof ApiKey.resolveGrant>): Promise<ReplyOf<typeof ApiKey.resolveGrant>> {
    return this.grants.execute(request);
  }

  @Handles(ApiKey.requests)
  requests(
    request: RequestOf<typeof ApiKey.requests>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.requests>> {
    return this.readRequests.list(caller, request);
  }

  @Handles(ApiKey.takeSlices)
  slices(request: RequestOf<typeof ApiKey.takeSlices>): Promise<ReplyOf<typeof ApiKey.takeSlices>> {
    return this.takeSlices.execute(request);
  }

  @Handles(ApiKey.update)
  update(
    request: RequestOf<typeof ApiKey.update>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.update>> {
    return this.updateKey.execute(caller, request);
  }

  @Handles(ApiKey.rotate)
  rotate(
    request: RequestOf<typeof ApiKey.rotate>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.rotate>> {
    return this.rotateKey.execute(caller, request);
  }

  @Handles(ApiKey.disable)
  disable(
    request: RequestOf<typeof ApiKey.disable>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.disable>> {
    return this.disableKey.disable(caller, request);
  }

  @Handles(ApiKey.enable)
  enable(
    request: RequestOf<typeof ApiKey.enable>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.enable>> {
    return this.disableKey.enable(caller, request);
  }

  @Handles(ApiKey.import)
  import(
    request: RequestOf<typeof ApiKey.import>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.import>> {
    return this.importKeys.execute(caller, request);
  }

  @Handles(ApiKey.findLeaked)
  findLeaked(
    request: RequestOf<typeof ApiKey.findLeaked>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ApiKey.findLeaked>> {
    return this.findLeakedKeys.execute(caller, request);
  }

  @Handles(ApiKey.foreignPrefixes)
  foreignPrefixes(): Promise<ReplyOf<typeof ApiKey.foreignPrefixes>> {
    return this.importKeys.foreignPrefixes();
  }

  @Handles(ApiKey.revokeOwned)
  revokeOwned(request: RequestOf<typeof ApiKey.revokeOwned>): Promise<ReplyOf<typeof ApiKey.revokeOwned>> {
    return this.ownedKeys.execute(request);
  }

  @Handles(ApiKey.listOwned)
  listOwned(request: RequestOf<typeof ApiKey.listOwned>): Promise<ReplyOf<typeof ApiKey.listOwned>> {
    return this.ownedKeys.list(request);
  }
}
