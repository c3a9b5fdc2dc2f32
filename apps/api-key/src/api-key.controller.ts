import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { ApiKey, type AuthenticatedCaller, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { TakeSlices } from './limits/take-slices.js';
import { IssueKey } from './issue-key.js';
import { ReadKeys } from './read-keys.js';
import { RevokeKey } from './revoke-key.js';
import { ReadRequests } from './usage/read-requests.js';

/** The message face: one method per operation, one call each. */
@Controller()
export class ApiKeyController {
  constructor(
    private readonly issueKey: IssueKey,
    private readonly revokeKey: RevokeKey,
    private readonly readKeys: ReadKeys,
    private readonly readRequests: ReadRequests,
    private readonly takeSlices: TakeSlices,
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
}
