import { type Stop } from '@portcullis/bus';
import { type ResolvedClient } from '@portcullis/contracts';
import { type ContentDigest, isEverywhere, TokenError } from '@portcullis/credentials';
import { tag, type Tag } from '@portcullis/enforcement';
import { notValid } from '../credential/presented.js';
import { type Identity } from '../judgement.js';
import { type AccessToken } from './access-tokens.js';
import { type Asking, type Place } from './asking.js';
import { type ClientAssertions, type ReadAssertion } from './client-assertions.js';
import { liveKeysOf } from './client-keys.js';
import { type Grounds } from './grounds.js';
import { clientHolding } from './holding.js';
import { clientById } from './records.js';
import { type SignedArrival, type SignedRequests } from './signed-requests.js';
import { badSignature, elsewhere, mismatch, refused } from './verdicts.js';

export interface JudgeClientsParts {
  readonly grounds: Grounds;
  readonly signedRequests: SignedRequests;
  readonly assertions: ClientAssertions;
}

/** Machine clients, in the three ways in which they say who they are: a signed request, a signed assertion, a token. */
export class JudgeClients {
  constructor(private readonly parts: JudgeClientsParts) {}

  assertion(assertion: ReadAssertion, { records, ...place }: Omit<Asking, 'organizationId'>): Identity | Stop {
    let judged: ReturnType<ClientAssertions['judge']>;
    try {
      judged = this.parts.assertions.judge(assertion, records);
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return refused(place.clientIp, notValid(), `assertion_${error.code}`);
    }
    if ('stop' in judged) return judged;
    const { client, fingerprint: keyFingerprint } = judged;
    const asking = { ...place, organizationId: null };
    return this.#refuseClient(client, place) ?? this.#useClient(client, asking, { keyFingerprint });
  }

  /** A token of a machine client holds token ∩ client. */
  token(token: AccessToken, fingerprint: string | null, named: readonly Tag[], asking: Asking): Identity | Stop {
    const found = asking.records.look(clientById(token.credentialId));
    if ('stop' in found) return found;
    const client = found.record;
    const of = { id: token.credentialId, organization_id: token.organizationId };
    if (!client) return refused(asking.clientIp, notValid(), 'unknown_client', of);
    if (token.organizationId !== client.organization_id) {
      return refused(asking.clientIp, notValid(), 'other_organization', of);
    }
    // Whoever found a key must not live on in the tokens that were got with it.
    const live = liveKeysOf(client, this.parts.grounds.now().wallMs);
    if (!live.some((key) => key.fingerprint === fingerprint)) {
      return refused(asking.clientIp, notValid(), 'key_ended', of);
    }
    return this.#refuseClient(client, asking) ?? this.#useClient(client, asking, { token, named });
  }

  /** Why a client is refused whatever it presents. */
  #refuseClient(client: ResolvedClient, { clientIp, anywhere }: Place): Identity | undefined {
    if (client.status !== 'active') return refused(clientIp, notValid(), client.status, client);
    if (anywhere || isEverywhere(client.networks) || this.parts.grounds.isWithin(client.networks, clientIp))
      return undefined;
    return refused(clientIp, elsewhere(), 'network_not_allowed', client);
  }

  signedRequest(signed: SignedArrival, { clientIp, organizationId, records }: Asking): Identity | Stop {
    const judged = this.parts.signedRequests.judge(signed, records, ({ status, networks }) => {
      if (status !== 'active') return { reason: status };
      return isEverywhere(networks) || this.parts.grounds.isWithin(networks, clientIp)
        ? undefined
        : { refusal: elsewhere() };
    });
    if ('stop' in judged) return judged;
    const { client } = judged;
    const named = client && { id: client.id, organization_id: client.organization_id };
    if ('refusal' in judged) return refused(clientIp, judged.refusal, judged.refusal.code, named);
    if ('reason' in judged) return refused(clientIp, badSignature(), judged.reason, named);
    const place = { clientIp, organizationId };
    return this.#useClient(judged.client, place, { contentDigest: judged.digest });
  }

  #useClient(
    client: ResolvedClient,
    { clientIp, organizationId }: Pick<Asking, 'clientIp' | 'organizationId'>,
    by: {
      contentDigest?: ContentDigest | null;
      keyFingerprint?: string;
      token?: AccessToken;
      named?: readonly Tag[];
    } = {},
  ): Identity | Stop {
    const { contentDigest, keyFingerprint, token, named = [] } = by;
    const subject = {
      tags: [...named, tag('credential', client.id), tag('organization', client.organization_id)],
      under: ['client-registry', 'identity'],
    };
    const stop = this.parts.grounds.stopUnlessClear(subject);
    if (stop) return stop;
    if (organizationId !== null && organizationId !== client.organization_id) {
      return refused(clientIp, mismatch(), 'organization_mismatch', client);
    }
    const lattice = this.parts.grounds.lattice();
    const holding = this.parts.grounds.holdings.of(token ?? client, [lattice, client], () =>
      clientHolding(lattice, client, token),
    );
    return this.parts.grounds.principal(clientIp, holding, subject, { contentDigest, keyFingerprint });
  }
}
