import { Injectable } from '@nestjs/common';
import { type Identity, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Owners } from '../owners.js';

/** What a person or service account is and holds now. An id that is nobody's is an answer, not a refusal. */
@Injectable()
export class ResolvePrincipal {
  constructor(private readonly owners: Owners) {}

  async execute({
    id,
  }: RequestOf<typeof Identity.resolvePrincipal>): Promise<ReplyOf<typeof Identity.resolvePrincipal>> {
    const { position, owner } = await this.owners.resolve(id);
    if (!owner) return { position, principal: null };
    const { passwordNumber, ...principal } = owner;
    return { position, principal: { ...principal, password_number: passwordNumber } };
  }
}
