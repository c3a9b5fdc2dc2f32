import { type Stop } from '@portcullis/bus';
import { sameDigest } from '@portcullis/credentials';
import { tag, type Tag } from '@portcullis/enforcement';
import { notValid } from '../credential/presented.js';
import { type Identity } from '../judgement.js';
import { type AccessToken } from './access-tokens.js';
import { type Asking, type Place } from './asking.js';
import { type Grounds } from './grounds.js';
import { keyHolding, keyTokenHolding } from './holding.js';
import {
  keyById,
  type KeyRecord,
  type Lookup,
  type MembershipRecord,
  principalById,
  type PrincipalRecord,
} from './records.js';
import { elsewhere, mismatch, refused } from './verdicts.js';

/** API keys: by a secret whose digest is known, by a token, and what holds for them in every form. */
export class JudgeKeys {
  constructor(private readonly grounds: Grounds) {}

  secret(lookup: Lookup<KeyRecord>, sha256: string, asking: Asking): Identity | Stop {
    const { clientIp, records } = asking;
    const found = records.look(lookup);
    if ('stop' in found) return found;
    const key = found.record;
    if (!key) return refused(clientIp, notValid(), 'unknown_key');
    // Before the secret: from a foreign network nobody learns whether they hold the right one.
    const elsewhere = this.refuseNetwork(key, asking);
    if (elsewhere) return elsewhere;
    const secretId = this.#secretOf(key, sha256, asking.form ?? 'bearer');
    if (secretId === undefined) return refused(clientIp, notValid(), 'wrong_secret', key);
    return this.proven(key, secretId, asking);
  }

  /** A key whose secret was shown to be known. */
  proven(key: KeyRecord, secretId: string, asking: Asking): Identity | Stop {
    const use = this.#use(key, asking);
    if (!('owner' in use)) return use;
    const { owner, membership } = use;
    const lattice = this.grounds.lattice();
    const holding = this.grounds.holdings.of(key, [lattice, owner], () => keyHolding(lattice, key, owner, membership));
    const subject = { tags: keyTags(key), under: ['api-key', 'identity'] };
    return this.grounds.principal(asking.clientIp, holding, subject, { key, secretId });
  }

  /** A token of a key, whose family is active. @param generation of the secret that it was got with */
  token(token: AccessToken, generation: number | null, named: readonly Tag[], asking: Asking): Identity | Stop {
    const { clientIp, records } = asking;
    const no = (reason: string) =>
      refused(clientIp, notValid(), reason, { id: token.credentialId, organization_id: token.organizationId });
    const found = records.look(keyById(token.credentialId));
    if ('stop' in found) return found;
    const key = found.record;
    if (!key) return no('unknown_key');
    const elsewhere = this.refuseNetwork(key, asking);
    if (elsewhere) return elsewhere;
    if (token.organizationId !== key.organization_id) return no('other_organization');
    if (!this.#isOfLiveSecret(key, generation)) return no('secret_ended');
    const use = this.#use(key, asking);
    if (!('owner' in use)) return use;
    const { owner, membership } = use;
    const lattice = this.grounds.lattice();
    const holding = this.grounds.holdings.of(token, [lattice, key, owner], () =>
      keyTokenHolding(lattice, token, key, owner, membership),
    );
    const subject = { tags: [...named, ...keyTags(key)], under: ['api-key', 'identity'] };
    return this.grounds.principal(clientIp, holding, subject, { key, secretId: secretOfToken(key, generation) });
  }

  refuseNetwork(key: KeyRecord, { clientIp, anywhere }: Place): Identity | undefined {
    if (anywhere || key.networks === null || this.grounds.isWithin(key.networks, clientIp)) return undefined;
    return refused(clientIp, elsewhere(), 'network_not_allowed', key);
  }

  isOver(expiresAt: string | null): boolean {
    // Written so that a time that cannot be read is over.
    return expiresAt !== null && !(this.grounds.now().wallMs < Date.parse(expiresAt));
  }

  /** The rules that hold for a key in every form, once it is proven who presents it. */
  #use(
    key: KeyRecord,
    { clientIp, organizationId, records }: Asking,
  ): { owner: PrincipalRecord; membership: MembershipRecord } | Identity | Stop {
    if (key.status !== 'active') return refused(clientIp, notValid(), key.status, key);
    if (this.isOver(key.expires_at)) return refused(clientIp, notValid(), 'expired', key);
    const found = records.look(principalById(key.owner.id));
    if ('stop' in found) return found;
    const owner = found.record;
    if (owner?.status !== 'active') return refused(clientIp, notValid(), 'owner_not_active', key);
    const membership = owner.memberships.find(({ organization_id }) => organization_id === key.organization_id);
    if (!membership) return refused(clientIp, notValid(), 'no_membership', key);
    if (organizationId !== null && organizationId !== key.organization_id) {
      return refused(clientIp, mismatch(), 'organization_mismatch', key);
    }
    return { owner, membership };
  }

  /** A token is good as long as the secret that it was got with: whoever found one must not live on in its tokens. */
  #isOfLiveSecret(key: KeyRecord, generation: number | null): boolean {
    return (
      generation === null ||
      key.secrets.some(
        (secret) =>
          secret.form === 'client_credentials' && secret.generation === generation && !this.isOver(secret.expires_at),
      )
    );
  }

  /** The id of the secret with this digest. Every one is compared, so that the time does not say which one was near. */
  #secretOf(key: KeyRecord, sha256: string, form: NonNullable<Asking['form']>): string | undefined {
    const matching = key.secrets.filter(
      (secret) => secret.form === form && sameDigest(secret.sha256, sha256) && !this.isOver(secret.expires_at),
    );
    return matching[0]?.id;
  }
}

/** Which secret a token was got with. Tokens of before generations do not say. */
const secretOfToken = ({ secrets }: KeyRecord, generation: number | null): string | undefined =>
  secrets.find((secret) => secret.form === 'client_credentials' && secret.generation === generation)?.id;

const keyTags = (key: KeyRecord): Tag[] => [
  tag('credential', key.id),
  tag('principal', key.owner.id),
  tag('organization', key.organization_id),
];
