import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, type Identity, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, readPage } from '@portcullis/persistence';
import { OrganizationStore } from '../organizations/organization.store.js';
import { SigningKeyStore, toSigningKeyRecord } from './signing-key.store.js';
import { SigningKeys } from './signing-keys.js';

/** The signing keys of the installation, newest first, for its first organization. */
@Injectable()
export class ReadSigningKeys {
  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationStore,
    private readonly store: SigningKeyStore,
    private readonly signingKeys: SigningKeys,
  ) {}

  async list(
    request: RequestOf<typeof Identity.listSigningKeys>,
    { principal }: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.listSigningKeys>> {
    if (principal.organization_id !== (await this.organizations.firstId())) throw noSuchSigningKey();
    const signing = (await this.signingKeys.current()).kid;
    const now = this.database.now();
    return readPage(this.database, request, {
      list: ['signing-keys'],
      find: (before, limit) => this.store.page(before, limit),
      place: (key) => key.place,
      item: (key) => toSigningKeyRecord(key, { signing, now }),
    });
  }
}

export const noSuchSigningKey = (): Refusal => new Refusal('not_found', 'There is no such signing key.');
