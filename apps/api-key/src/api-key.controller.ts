import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { ApiKey, type AuthenticatedCaller, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { IssueKey } from './issue-key.js';
import { ReadKeys } from './read-keys.js';
import { RevokeKey } from './revoke-key.js';
import { RevokeOwned } from './revoke-owned.js';

/** The message face: one method per operation, one call each. */
@Controller()
export class ApiKeyController {
  constructor(
    private readonly issueKey: IssueKey,
    private readonly revokeKey: RevokeKey,
    private readonly readKeys: ReadKeys,
    private readonly ownedKeys: RevokeOwned,
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

  @Handles(ApiKey.revokeOwned)
  revokeOwned(request: RequestOf<typeof ApiKey.revokeOwned>): Promise<ReplyOf<typeof ApiKey.revokeOwned>> {
    return this.ownedKeys.execute(request);
  }

  @Handles(ApiKey.listOwned)
  listOwned(request: RequestOf<typeof ApiKey.listOwned>): Promise<ReplyOf<typeof ApiKey.listOwned>> {
    return this.ownedKeys.list(request);
  }
}
