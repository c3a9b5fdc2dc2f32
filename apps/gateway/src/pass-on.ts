import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Instant } from '@portcullis/enforcement';
import { type Policy } from '@portcullis/policy';
import { ArrivingRequest } from './arriving-request.js';
import { type Judge } from './judge/judge.js';
import { type Passage, type TokenFor } from './passage.js';
import { type Forwarder } from './proxy/forward.js';
import { type UpstreamIdentity } from './proxy/upstream-identity.js';

export interface PassOnParts {
  readonly judge: Pick<Judge, 'attach'>;
  readonly forwarder: Forwarder;
  /** `identityToken`. */
  readonly tokenFor: TokenFor;
  readonly publicUrl: string;
  now(): Instant;
}

/** Sends a request that may pass to its upstream, with the identity token that this upstream gets. */
export function passOn(parts: PassOnParts) {
  const publicUrl = new URL(parts.publicUrl);
  return (passage: Passage, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { arrival, query, route, policy, identity, answerHeaders } = passage;
    const upstream = policy.upstreams.get(route.upstream);
    if (!upstream) throw new Error(`the policy has no upstream named ${route.upstream}`);
    const isPrincipal = identity.kind === 'principal';
    return parts.forwarder.forward(request, response, upstream, {
      requestId: arrival.requestId,
      clientIp: identity.clientIp,
      publicUrl,
      method: arrival.method,
      path: arrival.path,
      query,
      upgradeHead: request instanceof ArrivingRequest ? request.upgradeHead : undefined,
      identity: parts.tokenFor(passage),
      answerHeaders,
      contentDigest: isPrincipal ? identity.contentDigest : undefined,
      attach: isPrincipal
        ? (close) => {
            const attachment = parts.judge.attach(identity, close);
            return attachment && { admits: () => attachment.admits(parts.now()), release: () => attachment.release() };
          }
        : undefined,
    });
  };
}

/** The same token whether we forward the request ourselves or a proxy does that asked us. */
export function identityToken(upstreamIdentity: UpstreamIdentity): TokenFor {
  const permissionsOf = rememberPermissions();
  return ({ route, policy, identity }) => {
    const upstream = policy.upstreams.get(route.upstream);
    if (!upstream) throw new Error(`the policy has no upstream named ${route.upstream}`);
    if (identity.kind !== 'principal') return undefined;
    const permissions = permissionsOf(policy, route.upstream);
    return upstreamIdentity.token(identity.principal, { audience: upstream.audience, permissions });
  };
}

/** Which permissions an upstream's routes ask for is a fact of the policy, so it is worked out once for each. */
function rememberPermissions(): (policy: Policy, upstream: string) => readonly string[] {
  const known = new WeakMap<Policy, Map<string, readonly string[]>>();
  return (policy, upstream) => {
    const ofPolicy = known.get(policy) ?? new Map<string, readonly string[]>();
    known.set(policy, ofPolicy);
    const permissions = ofPolicy.get(upstream) ?? policy.routes.permissionsOf(upstream);
    ofPolicy.set(upstream, permissions);
    return permissions;
  };
}
