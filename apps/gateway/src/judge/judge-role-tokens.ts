import { roleTokensOfOthers, type Refusal } from '@portcullis/contracts';
import { type OpenedRoleToken } from '@portcullis/credentials';
import { tag } from '@portcullis/enforcement';
import { notValid } from '../credential/presented.js';
import { type Identity } from '../judgement.js';
import { type Asking } from './asking.js';
import { type Grounds } from './grounds.js';
import { roleTokenHolding } from './holding.js';
import { installation, type MembershipRecord, principalById, type Stop } from './records.js';
import { mismatch, refused, tokenExpired } from './verdicts.js';

/**
 * Opened role tokens. No record vouches for one: it holds what it says unless a marker of this installation names it. The markers of
 * another installation with the same key do not come here, so its tokens fall under ours alone: by id, by family, and by when they were
 * issued in place of an epoch. Who a person is there means nothing here.
 */
export class JudgeRoleTokens {
  constructor(private readonly grounds: Grounds) {}

  judge(token: OpenedRoleToken, { clientIp, organizationId, records }: Asking): Identity | Stop {
    const found = records.look(installation);
    if ('stop' in found) return found;
    const here = found.record;
    if (!here) return { stop: 'unavailable', why: 'the installation is unknown' };
    const isOurs = token.installationId === here.id;
    const organization = here.first_organization_id;
    const no = (refusal: Refusal, reason: string) =>
      refused(clientIp, refusal, reason, { id: token.id, organization_id: organization });
    const subject = {
      tags: [
        tag('token', token.id),
        tag('family', token.familyId),
        tag('signing-key', token.kid),
        tag('role-tokens', isOurs ? token.installationId : roleTokensOfOthers),
        tag('organization', organization),
        ...(isOurs && token.owner !== null ? [tag('principal', token.owner.id)] : []),
      ],
      under: ['identity'],
      epoch: isOurs ? token.epoch : token.issuedAt,
    };
    const stop = this.grounds.stopUnlessClear(subject);
    if (stop) return stop;
    // Between the decryption and this turn a record may have been waited for.
    if (this.grounds.now().wallMs >= token.expiresAt * 1000) return no(tokenExpired(), 'expired');
    if (organizationId !== null && organizationId !== organization) return no(mismatch(), 'organization_mismatch');
    let owner: MembershipRecord | undefined;
    if (isOurs && token.owner !== null) {
      const person = records.look(principalById(token.owner.id));
      if ('stop' in person) return person;
      if (person.record?.status !== 'active') return no(notValid(), 'owner_not_active');
      if (person.record.password_number !== token.owner.passwordNumber) return no(notValid(), 'password_changed');
      owner = person.record.memberships.find((each) => each.organization_id === organization);
      if (!owner) return no(notValid(), 'no_membership');
    }
    const lattice = this.grounds.lattice();
    const holding = this.grounds.holdings.of(token, [lattice, organization, owner], () =>
      roleTokenHolding(lattice, token, organization, owner),
    );
    return this.grounds.principal(clientIp, holding, subject);
  }
}
