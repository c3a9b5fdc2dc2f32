import { type FailedCredential, Refusal } from '@portcullis/contracts';
import { type NetworkList } from '@portcullis/credentials';
import { clientIpOf } from './client-ip.js';
import { type KeyIdentity } from './events/access-log.js';
import { type DenialLog } from './events/denial-log.js';
import { httpStatus } from './http-status.js';
import { type Judge } from './judge/judge.js';
import { type Arrival, type Identity } from './judgement.js';
import { type Limits } from './limits/limits.js';
import { type Passage } from './passage.js';
import { type ControlRoute, type RouteParts } from './routes/route.js';
import { isLocal, matchUnder, type Visit } from './visit.js';

export interface AdmissionParts {
  readonly judge: Pick<Judge, 'identify' | 'permit'>;
  readonly denials: Pick<DenialLog, 'denied' | 'refusedCredential'>;
  /** Counts the requests of keys that have a limit. */
  readonly limits: Pick<Limits, 'take'>;
  readonly routes: Pick<RouteParts, 'policy'>;
  readonly trustedProxies: NetworkList;
}

/** A request that may not go on. `decisionId` leads to the event that says so, where there is one. */
export class Denial {
  constructor(
    readonly refusal: Refusal,
    readonly requiredPermission?: string,
    readonly decisionId?: string,
  ) {}
}

/**
 * Whether a request may go on, as whom and to where. What may not is written down, and what a key asks for is counted against its
 * limit, whatever comes of it. Nothing here reads a body or writes an answer.
 */
export class Admission {
  constructor(private readonly parts: AdmissionParts) {}

  /**
   * The one decision on what is not ours to answer, for requests that arrive here and for those that a proxy asks about. From the
   * moment that it is known who asks, everything is read from one policy in one turn: an edit comes wholly before or wholly after.
   */
  async decide(arrival: Arrival, query: string | null, visit: Visit): Promise<Passage | Denial> {
    const identity = await this.identify(arrival, visit);
    const { policy, route } = matchUnder(this.parts.routes.policy(), visit, arrival);
    visit.route = route?.match ?? null;
    // A public route needs no credential, so that one which is used up is as good as none there: it is not counted either.
    const over = route?.public ? undefined : this.overLimit(identity, arrival, visit);
    if (over) return over;
    if (!route) {
      const known = this.demanded(identity, [], arrival);
      if (known instanceof Denial) return known;
      const decisionId = this.parts.denials.denied(arrival, known, 'no_route');
      return new Denial(new Refusal('not_found', 'There is no such thing here.'), undefined, decisionId);
    }
    // A public upstream learns who calls if that is known; a credential that is no good is as good as none. A request that two
    // readers would read in two ways is no credential that is no good: it goes nowhere.
    const malformed = identity.kind === 'refused' && identity.refusal.code === 'invalid_request';
    const admitted =
      !route.public || malformed
        ? this.demanded(identity, route.permissions, arrival)
        : identity.kind === 'refused'
          ? { kind: 'anonymous' as const, clientIp: identity.clientIp }
          : identity;
    if (admitted instanceof Denial) return admitted;
    return { arrival, query, route, policy, identity: admitted, answerHeaders: visit.answerHeaders };
  }

  /** On a public control route nobody is asked who calls: a credential that happens to be there, good or bad, does not matter. */
  async toControl({ access }: ControlRoute, arrival: Arrival, visit: Visit): Promise<Identity | Denial> {
    if (access.public || (access.loopback && isLocal(arrival))) {
      return { kind: 'anonymous', clientIp: clientIpOf(arrival, this.parts.trustedProxies) };
    }
    const identity = await this.identify(arrival, visit);
    const isNowhere = identity.kind === 'principal' && identity.principal.organization_id === null;
    const asksNothing = access.permission === null || (isNowhere && access.needsOrganization === false);
    const over = this.overLimit(identity, arrival, visit);
    return over ?? this.demanded(identity, asksNothing ? [] : [access.permission], arrival);
  }

  /** What two readers would take for two requests, or for two callers, is refused on public routes too. */
  async malformed(arrival: Arrival, visit: Visit): Promise<Denial | undefined> {
    const { presented: found } = arrival;
    if (found?.kind !== 'refused' || httpStatus[found.refusal.code] !== 400) return undefined;
    const identity = await this.identify(arrival, visit);
    const denial = this.overLimit(identity, arrival, visit) ?? this.demanded(identity, [], arrival);
    return denial instanceof Denial ? denial : new Denial(found.refusal);
  }

  /** Counts and lists a request as that of somebody whom its body named. Refuses with `rate_limited`. */
  count(who: Identity, arrival: Arrival, visit: Visit): void {
    if (isByKey(who)) visit.made = { arrival, identity: who };
    const over = this.overLimit(who, arrival, visit);
    if (over) throw over.refusal;
  }

  /**
   * Writes down what a service or the body refused once the request was let in: a credential that failed, or something that the
   * principal may not do. @returns the decision id, if it was either
   */
  recordRefusal(
    refusal: Refusal,
    { arrival, identity }: Pick<Passage, 'arrival'> & { identity: Identity },
  ): string | undefined {
    const { denials } = this.parts;
    const failed = refusal.failedCredential ?? falseSignature(refusal, identity);
    if (failed) {
      const { clientIp } = identity;
      const { reason, organization_id: organizationId, credential_id: credentialId } = failed;
      const refused = { kind: 'refused' as const, clientIp, refusal, reason, organizationId, credentialId };
      return denials.refusedCredential(arrival, refused) ?? undefined;
    }
    if (identity.kind !== 'principal' || httpStatus[refusal.code] !== 403) return undefined;
    return denials.denied(arrival, identity, refusal.code);
  }

  /** Finds who asks, and keeps in mind if that is by a key. */
  private async identify(arrival: Arrival, visit: Visit): Promise<Identity> {
    const identity = await this.parts.judge.identify(arrival);
    if (isByKey(identity)) visit.made = { arrival, identity };
    return identity;
  }

  /** Counts against the key's limit. The denial, if it is used up. */
  private overLimit(identity: Identity, arrival: Arrival, visit: Visit): Denial | undefined {
    if (!isByKey(identity) || identity.key.rate_limit === null) return undefined;
    const taken = this.parts.limits.take(identity.key.id, identity.key.rate_limit);
    visit.answerHeaders = taken.headers;
    if (taken.passes) return undefined;
    const { retryAfterSeconds } = taken;
    const refusal = new Refusal('rate_limited', 'The limit of this key is used up. Try again later.', {
      retryAfterSeconds,
    });
    return new Denial(refusal, undefined, this.parts.denials.denied(arrival, identity, 'rate_limited'));
  }

  /** The principal, if there is one who may; else a denial that is written down. */
  private demanded(identity: Identity, permissions: readonly string[], arrival: Arrival) {
    const { judge, denials } = this.parts;
    const refusal = judge.permit(identity, permissions);
    if (identity.kind === 'refused') {
      return new Denial(identity.refusal, undefined, denials.refusedCredential(arrival, identity) ?? undefined);
    }
    // Nothing presented is no failed credential and no denial of anybody: it is answered, not written down.
    if (identity.kind === 'anonymous')
      return new Denial(refusal ?? new Refusal('unauthenticated', 'This needs a credential.'));
    if (refusal === null) return identity;
    if (refusal.code !== 'forbidden')
      return new Denial(refusal, undefined, denials.denied(arrival, identity, refusal.code, permissions));
    const lacking = permissions.find((name) => judge.permit(identity, [name]) !== null);
    return new Denial(refusal, lacking, denials.denied(arrival, identity, 'missing_permission', permissions));
  }
}

const isByKey = (identity: Identity): identity is KeyIdentity =>
  identity.kind === 'principal' && identity.key !== undefined;

/** A signature that held until the body was read: that is not the one that was signed. */
function falseSignature({ code }: Refusal, identity: Identity): FailedCredential | undefined {
  if (code !== 'invalid_signature' || identity.kind !== 'principal') return undefined;
  const { organization_id, credential_id } = identity.principal;
  return { reason: 'signature_bad_digest', organization_id, credential_id };
}
