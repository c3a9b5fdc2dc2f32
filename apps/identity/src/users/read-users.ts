import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, type Identity, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, readPage } from '@portcullis/persistence';
import { MemberStore, userRecord } from './member.store.js';

/** The plain questions about the people of the caller's organization. */
@Injectable()
export class ReadUsers {
  constructor(
    private readonly database: Database,
    private readonly members: MemberStore,
  ) {}

  async one(
    { id }: RequestOf<typeof Identity.readUser>,
    { principal }: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.readUser>> {
    const member = await this.members.find(principal.organization_id, id);
    if (!member || member.removedAt !== null) throw noSuchUser();
    return userRecord(member);
  }

  async list(
    request: RequestOf<typeof Identity.listUsers>,
    { principal }: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.listUsers>> {
    const { status, role, q } = request;
    const { organization_id: organizationId } = principal;
    const filter = { status, role, q };
    return readPage(this.database, request, {
      list: ['users', organizationId, filter],
      find: (before, limit) => this.members.list({ ...filter, organizationId, before }, limit),
      place: (member) => member.userId,
      item: userRecord,
    });
  }
}

/** The same for nobody and for somebody of another organization. */
export const noSuchUser = (): Refusal => new Refusal('not_found', 'There is no such user.');
