import { Injectable } from '@nestjs/common';
import { type Identity, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { UserStore } from './user.store.js';

/** What a person is and holds now. An id that is nobody's is an answer, not a refusal. */
@Injectable()
export class ResolvePrincipal {
  constructor(private readonly users: UserStore) {}

  async execute({
    id,
  }: RequestOf<typeof Identity.resolvePrincipal>): Promise<ReplyOf<typeof Identity.resolvePrincipal>> {
    const { position, user } = await this.users.resolve(id);
    if (!user) return { position, principal: null };
    return {
      position,
      principal: { id: user.id, kind: 'user', status: user.status, memberships: user.memberships },
    };
  }
}
