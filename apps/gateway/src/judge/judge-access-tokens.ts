import { tag, type Tag } from '@portcullis/enforcement';
import { notValid } from '../credential/presented.js';
import { type Identity } from '../judgement.js';
import { type AccessToken } from './access-tokens.js';
import { type Asking } from './asking.js';
import { type Grounds } from './grounds.js';
import { sessionHolding } from './holding.js';
import { type JudgeClients } from './judge-clients.js';
import { type JudgeKeys } from './judge-keys.js';
import { familyById, principalById, type Stop } from './records.js';
import { mismatch, refused } from './verdicts.js';

export interface JudgeAccessTokensParts {
  readonly grounds: Grounds;
  readonly keys: JudgeKeys;
  readonly clients: JudgeClients;
}

/**
 * Verified access tokens. None is judged alone: its family has to be alive, and then it holds token ∩ what it was got with, as that is
 * now: a person's session, an API key, a machine client.
 */
export class JudgeAccessTokens {
  constructor(private readonly parts: JudgeAccessTokensParts) {}

  judge(token: AccessToken, asking: Asking): Identity | Stop {
    const { clientIp, records } = asking;
    const named = [
      tag('family', token.familyId),
      tag('credential', token.credentialId),
      tag('token', token.jti),
      tag('signing-key', token.kid),
    ];
    // A marker can name a token that its family's record still vouches for. So without identity's lease no question would
    // help; asking anyway was the road not taken.
    const early = this.parts.grounds.stopUnlessClear({ tags: named, under: ['identity'] });
    if (early) return early;

    const found = records.look(familyById(token.familyId));
    if ('stop' in found) return found;
    const family = found.record;
    const no = (reason: string) =>
      refused(clientIp, notValid(), reason, { id: token.credentialId, organization_id: token.organizationId });
    if (!family) return no('unknown_family');
    if (family.status !== 'active') return no(`family_${family.status}`);
    if (token.credentialId !== (family.kind === 'session' ? family.id : family.credential_id))
      return no('other_family');
    if (family.kind === 'session') return this.#session(token, family, named, asking);
    if (family.kind === 'client') return this.parts.clients.token(token, family.key_fingerprint, named, asking);

    return this.parts.keys.token(token, family.secret_generation, named, asking);
  }

  #session(
    token: AccessToken,
    family: { principal_id: string; organization_id: string | null },
    named: readonly Tag[],
    { clientIp, organizationId, records }: Asking,
  ): Identity | Stop {
    const credential = { id: token.credentialId, organization_id: family.organization_id };
    const found = records.look(principalById(family.principal_id));
    if ('stop' in found) return found;
    const person = found.record;
    if (person?.status !== 'active') return refused(clientIp, notValid(), 'owner_not_active', credential);
    const { memberships } = person;
    if (memberships.length === 0) return refused(clientIp, notValid(), 'no_membership', credential);
    // Where the person belongs now decides, and not where they did when the session began: whoever joins a second organization
    // says from then on which one is meant.
    const only = memberships.length === 1 ? memberships[0]?.organization_id : undefined;
    const membership = memberships.find(({ organization_id }) => organization_id === (organizationId ?? only));
    if (organizationId !== null && !membership) {
      return refused(clientIp, mismatch(), 'organization_mismatch', credential);
    }
    // A session that was of one organization does not become one of another in silence.
    if (organizationId === null && family.organization_id !== null) {
      const isStill = memberships.some(({ organization_id }) => organization_id === family.organization_id);
      if (!isStill) return refused(clientIp, notValid(), 'no_membership', credential);
    }
    const tags = [
      ...named,
      tag('principal', person.id),
      ...(membership ? [tag('organization', membership.organization_id)] : []),
    ];
    const stop = this.parts.grounds.stopUnlessClear({ tags, under: ['identity'] });
    if (stop) return stop;
    const lattice = this.parts.grounds.lattice();
    const holding = this.parts.grounds.holdings.of(token, [lattice, person, membership], () =>
      sessionHolding(lattice, token, person, membership),
    );
    return this.parts.grounds.principal(clientIp, holding, { tags, under: ['identity'] });
  }
}
