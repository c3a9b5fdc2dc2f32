import { Identity, type ResolvedFamily } from '@portcullis/contracts';
import { tag } from '@portcullis/enforcement';
import { type Lookup } from './records.js';

export type FamilyRecord = NonNullable<ResolvedFamily['family']>;

/**
 * The family of a token, for gateways and guards alike: what a marker drops at one it drops at the other. Not tagged with its
 * organization: of a session it says where the person stood when it began, of a key the key's record does.
 */
export const familyById = (id: string): Lookup<FamilyRecord> => ({
  name: `family:${id}`,
  authority: 'identity',
  under: ['identity'],
  tags: (family) => [
    tag('family', family.id),
    tag('principal', family.principal_id),
    tag('credential', family.credential_id),
  ],
  ask: async (ask) => {
    const { position, family } = await ask(Identity.resolveFamily, { id });
    return { position, record: family };
  },
});
