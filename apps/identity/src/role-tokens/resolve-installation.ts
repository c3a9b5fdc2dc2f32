import { Injectable } from '@nestjs/common';
import { type Identity, type ReplyOf } from '@portcullis/contracts';
import { RoleTokenSettings } from './role-token-settings.js';
import { RoleTokenStore } from './role-token.store.js';

/** Whose role tokens are ours, where they belong, and whether any are issued. */
@Injectable()
export class ResolveInstallation {
  constructor(
    private readonly store: RoleTokenStore,
    private readonly settings: RoleTokenSettings,
  ) {}

  async execute(): Promise<ReplyOf<typeof Identity.resolveInstallation>> {
    const { position, installation } = await this.store.resolve();
    return {
      position,
      installation: {
        id: installation.id,
        first_organization_id: installation.firstOrganizationId,
        issues_role_tokens: this.settings.nodePassword !== null,
      },
    };
  }
}
