import { Refusal } from '@portcullis/contracts';
import { type NetworkList } from '@portcullis/credentials';
import { type Admission, Denial } from '../admission.js';
import { clientIpOf } from '../client-ip.js';
import { type DenialLog } from '../events/denial-log.js';
import { type Arrival } from '../judgement.js';
import { type Passage, type TokenFor } from '../passage.js';
import { decisionStatus } from '../problem.js';
import { type Visit } from '../visit.js';
import { forwardedRequest, needsGateway } from './forwarded-request.js';

export interface ForwardAuthParts {
  readonly denials: Pick<DenialLog, 'unjudged'>;
  /** The identity token that a passage's upstream gets, for the proxy that asked to hand on. */
  readonly tokenFor: TokenFor;
  readonly trustedProxies: NetworkList;
  /** Proxies that learn from a decision whom it is about. */
  readonly decisionPeers: NetworkList;
}

/**
 * Decides for a proxy (nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`, Envoy `ext_authz`) whether it may let a
 * request through to an upstream of its own. Only the policy's rules count, never the gateway's own routes: what is public here would
 * be open there.
 */
export class ForwardAuth {
  constructor(
    private readonly admission: Pick<Admission, 'decide'>,
    private readonly parts: ForwardAuthParts,
  ) {}

  /** A denial that is a 403 to the proxy leads to its event, also where there was no credential to look at. */
  async decide(asking: Arrival, visit: Visit): Promise<Passage | Denial> {
    let decided: Passage | Denial;
    try {
      const { query, ...arrival } = forwardedRequest(asking, this.parts.trustedProxies);
      const cannot = needsGateway({ ...arrival, query });
      decided =
        cannot === undefined
          ? await this.admission.decide(arrival, query, visit)
          : new Denial(new Refusal('needs_gateway', cannot));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      decided = new Denial(error);
    }
    return decided instanceof Denial ? this.#writtenDown(decided, asking) : decided;
  }

  /** Headers of an answer that says yes, for a proxy that may know whom the request is from. @param peer the proxy */
  identityHeaders(passage: Passage, peer: string) {
    const { identity } = passage;
    if (identity.kind !== 'principal' || !this.parts.decisionPeers.contains(peer)) return undefined;
    const { id, organization_id, credential_id } = identity.principal;
    return {
      'X-Portcullis-Identity': this.parts.tokenFor(passage),
      'X-Portcullis-Principal': id,
      'X-Portcullis-Credential': credential_id,
      ...(organization_id === null ? {} : { 'X-Portcullis-Organization': organization_id }),
    };
  }

  #writtenDown(denial: Denial, asking: Arrival): Denial {
    const { refusal, requiredPermission } = denial;
    if (denial.decisionId !== undefined || decisionStatus(refusal.code) !== 403) return denial;
    const clientIp = clientIpOf(asking, this.parts.trustedProxies);
    return new Denial(refusal, requiredPermission, this.parts.denials.unjudged(asking, clientIp, refusal.code));
  }
}
