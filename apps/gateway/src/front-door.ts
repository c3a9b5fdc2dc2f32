import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Caller, type Principal, Refusal } from '@portcullis/contracts';
import { clientAddress, type NetworkList } from '@portcullis/credentials';
import { normalisePath, type RouteTable } from '@portcullis/policy';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { ArrivingRequest } from './arriving-request.js';
import { consoleHeaders, consoleMatch, type ConsolePages, isConsolePath } from './console/console-pages.js';
import { presented } from './credential/presented.js';
import { drain } from './drain.js';
import { type AccessLog, type KeyIdentity } from './events/access-log.js';
import { asksForDecision, decisionsPath, forwardedRequest, needsGateway } from './decisions/forwarded-request.js';
import { type DenialLog } from './events/denial-log.js';
import { readForm } from './form-body.js';
import { httpStatus } from './http-status.js';
import { readJsonBody, valuesOf } from './json-body.js';
import { type Judge } from './judge/judge.js';
import { type Arrival, type Identity } from './judgement.js';
import { type Limits } from './limits/limits.js';
import { type Metrics } from './metrics.js';
import { type Passage, type TokenFor } from './passage.js';
import { decisionStatus, problemOf, refusalOf } from './problem.js';
import { allowedMethods, ownRouteTable } from './routes/control-routes.js';
import { type Answer, type ControlCall, type ControlRoute, type RouteParts, Streamed } from './routes/route.js';
import { writeStreamed } from './write-streamed.js';
import {
  awaitsContinue,
  aVisit,
  demandCommonHttp,
  headerValues,
  idempotencyKeyOf,
  isLocal,
  namedOf,
  proceed,
  requestIdOf,
  userAgentOf,
  type Visit,
} from './visit.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route's entry in the table. */
    control?: ControlRoute;
  }
}

export interface FrontDoorParts {
  readonly judge: Pick<Judge, 'identify' | 'permit' | 'attach'>;
  readonly denials: Pick<DenialLog, 'denied' | 'refusedCredential' | 'unjudged'>;
  /** Counts the requests of keys that have a limit. */
  readonly limits: Pick<Limits, 'take'>;
  /** Is told of every request that a key made, when it is answered. */
  readonly accesses: Pick<AccessLog, 'answered'>;
  /** Writes the upstream's answer; rejects with a refusal as long as nothing was written. */
  forward(passage: Passage, request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** The identity token that a passage's upstream gets, for the proxy that asked to hand on. */
  readonly tokenFor: TokenFor;
  readonly routes: RouteParts;
  /** Files of the console, answered to anybody. */
  readonly console: Pick<ConsolePages, 'answer'>;
  readonly metrics: Metrics;
  readonly trustedProxies: NetworkList;
  /** Prefixes of API keys that are ours, present and past. */
  readonly apiKeyPrefixes: readonly string[];
  /** Proxies that learn from a decision whom it is about. */
  readonly decisionPeers: NetworkList;
  readonly replyKey: Caller['reply_key'];
  /** True once the process is stopping: connections are not kept for another request. */
  stopping(): boolean;
  report(line: string): void;
}

/** How long the rest of a body that nobody wants may keep a connection after the answer. */
const drainMilliseconds = 5_000;

/**
 * The one way in. What a rule of the policy matches is taken by `takes`, before the framework: it has nothing to add where no body
 * is parsed and no route of ours is meant, and costs as much as the rest. All else comes by `enter`, the only `onRequest` hook: it
 * runs before any body is read, and a request that it lets pass was matched, identified and permitted, or its route is public.
 * `serve` is the handler of every control route.
 */
export class FrontDoor {
  private readonly admitted = new WeakMap<FastifyRequest, Admitted>();
  private readonly visits = new WeakMap<FastifyRequest, Visit>();
  private readonly ownRoutes: RouteTable = ownRouteTable();

  constructor(private readonly parts: FrontDoorParts) {}

  /**
   * Refuses or forwards a request that a rule of the policy and no route of ours matches, and answers true. False: whatever this
   * is, `enter` has the words for it.
   */
  takes(request: IncomingMessage, response: ServerResponse): boolean {
    const { method = '', url: target = '' } = request;
    const normalised = normalisePath(target);
    if (!normalised.ok || asksForDecision(method, target)) return false;
    const { path, query } = normalised;
    const policy = this.parts.routes.policy();
    const route = policy.routes.match(method, path);
    if (!route || this.ownRoutes.match(method, path)) return false;
    const visit = aVisit(request, response, requestIdOf(request), route.match);
    visit.matched = { policy, route };
    this.watch(visit);
    this.passThrough(visit, path, query).catch((error: unknown) => this.answer(visit, error));
    return true;
  }

  /**
   * Refuses, forwards, or answers true: the control route's handler may run. Never rejects. It does not answer the reply, as Fastify's
   * promise hooks do: a reply is a promise itself, which breaks when the client hangs up.
   */
  async enter(request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const visit = this.visitOf(request, reply);
    this.watch(visit);
    visit.response.setHeader('X-Request-Id', visit.requestId);
    visit.response.setHeader('X-Content-Type-Options', 'nosniff');
    try {
      return await this.judge(request, reply, visit);
    } catch (error) {
      return this.refuse(request, reply, error);
    }
  }

  /** Answers a control request that `enter` let pass. */
  async serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const route = request.routeOptions.config.control;
    const admitted = this.admitted.get(request);
    try {
      // Unreachable while the hook stands before every route. Without it nothing is served.
      if (!route || !admitted) throw new Refusal('unauthenticated', 'This needs a credential.');
      const answer = await route.answer(this.callOf(request, reply, admitted), this.parts.routes);
      if (answer.body instanceof Streamed)
        await this.stream(request, reply, { ...answer, body: answer.body }, admitted);
      else this.send(request, reply, answer);
    } catch (error) {
      const decisionId = error instanceof Refusal && admitted ? this.recordRefusal(error, admitted) : undefined;
      this.refuse(request, reply, error, { decisionId, challenge: route?.challenge });
    }
  }

  /** What a service refused: a credential that failed, or something that the principal may not do. */
  private recordRefusal(refusal: Refusal, { arrival, identity }: Admitted): string | undefined {
    const { denials } = this.parts;
    const { failedCredential: failed } = refusal;
    if (failed) {
      const { reason, organization_id: organizationId, credential_id: credentialId } = failed;
      const { clientIp } = identity;
      return (
        denials.refusedCredential(arrival, {
          kind: 'refused',
          clientIp,
          refusal,
          reason,
          organizationId,
          credentialId,
        }) ?? undefined
      );
    }
    if (identity.kind !== 'principal') return undefined;
    if (httpStatus[refusal.code] !== 403) return this.recordSignature(refusal, { arrival, identity });
    return denials.denied(arrival, identity, refusal.code);
  }

  /** A signature that held until the body was read: that is not the one that was signed. */
  private recordSignature(
    refusal: Refusal,
    { arrival, identity }: Pick<Admitted, 'arrival' | 'identity'>,
  ): string | undefined {
    if (refusal.code !== 'invalid_signature' || identity.kind !== 'principal') return undefined;
    const { organization_id: organizationId, credential_id: credentialId } = identity.principal;
    const failed = { refusal, reason: 'signature_bad_digest', organizationId, credentialId };
    const { clientIp } = identity;
    return this.parts.denials.refusedCredential(arrival, { kind: 'refused', clientIp, ...failed }) ?? undefined;
  }

  /** Any error as a problem document; also for what Fastify finds wrong before or after the hook. Answers false: go no further. */
  refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    error: unknown,
    about: {
      requiredPermission?: string | undefined;
      decisionId?: string | undefined;
      challenge?: string | undefined;
    } = {},
  ): false {
    reply.hijack();
    return this.answer(this.visitOf(request, reply), error, about);
  }

  private visitOf(request: FastifyRequest, { raw: response }: FastifyReply): Visit {
    let visit = this.visits.get(request);
    if (!visit) this.visits.set(request, (visit = aVisit(request.raw, response, request.id, '(none)')));
    return visit;
  }

  private answer(
    { request, response, requestId, answerHeaders }: Visit,
    error: unknown,
    about: Parameters<FrontDoor['refuse']>[3] = {},
  ): false {
    const refusal = refusalOf(error, (surprise) => this.parts.report(`${requestId}: ${stackOf(surprise)}`));
    this.parts.metrics.refused(refusal.code);
    if (response.headersSent) return false;
    const isDecision = asksForDecision(request.method ?? '', request.url ?? '');
    const { status, headers, body } = problemOf(refusal, {
      requestId,
      publicUrl: this.parts.routes.publicUrl,
      ...about,
      isDecision,
    });
    // A client that waits for "100 Continue" may send the body or not: what follows on this connection is anyone's guess.
    if (awaitsContinue(request)) response.setHeader('Connection', 'close');
    const text = JSON.stringify(body);
    response
      .writeHead(status, {
        'X-Request-Id': requestId,
        'X-Content-Type-Options': 'nosniff',
        ...headers,
        ...namedOf(answerHeaders),
        'Content-Length': Buffer.byteLength(text),
      })
      .end(text);
    return false;
  }

  private watch(visit: Visit): void {
    const startedMs = performance.now();
    const { request, response } = visit;
    if (this.parts.stopping() || (request instanceof ArrivingRequest && request.passedOver))
      response.setHeader('Connection', 'close');
    response.on('close', () => {
      const durationMs = performance.now() - startedMs;
      this.parts.metrics.answered(visit.label, response.statusCode, durationMs / 1000);
      if (visit.made) this.list(visit, visit.made, durationMs);
    });
    response.on('finish', () => drain(request, drainMilliseconds));
  }

  private list({ request, response, route }: Visit, { arrival, identity }: Made, durationMs: number): void {
    const { statusCode, headersSent } = response;
    this.parts.accesses.answered({
      requestId: arrival.requestId,
      timeMs: Date.now() - durationMs,
      method: arrival.method,
      path: arrival.path,
      route,
      // A tunnel's 101 is not the response's to send. Without any answer the client has hung up.
      status: headersSent || statusCode === 101 ? statusCode : 499,
      durationMs,
      userAgent: request.headers['user-agent'],
      identity,
    });
  }

  /** Finds who asks, and keeps in mind if that is by a key. */
  private async identify(arrival: Arrival, visit: Visit): Promise<Identity> {
    const identity = await this.parts.judge.identify(arrival);
    if (isByKey(identity)) visit.made = { arrival, identity };
    return identity;
  }

  /** Counts against the key's limit, whatever comes of the request. The denial, if it is used up. */
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

  private async judge(request: FastifyRequest, reply: FastifyReply, visit: Visit): Promise<boolean> {
    demandCommonHttp(request.raw);
    const target = request.raw.url ?? '';
    const method = request.raw.method ?? '';
    if (asksForDecision(method, target)) {
      visit.label = 'decision';
      return await this.answerDecision(
        request,
        reply,
        arrivalOf(visit, target.split('?', 1)[0] ?? '', this.parts),
        visit,
      );
    }
    const normalised = normalisePath(target);
    if (!normalised.ok) throw new Refusal('invalid_request', `The path is not acceptable: ${normalised.reason}.`);
    const { path, query } = normalised;
    const arrival = arrivalOf(visit, path, this.parts);
    const malformed = await this.malformed(arrival, visit);
    if (malformed) return this.refuse(request, reply, malformed.refusal, malformed);
    const control = controlRouteOf(request);
    // Only the plain spelling asks for a decision: what follows it is somebody else's path.
    if (control?.path === decisionsPath) throw new Refusal('not_found', 'There is no such thing here.');
    if (control) {
      visit.label = visit.route = `${control.method} ${control.path}`;
      if (control.isThere && !(await control.isThere(this.parts.routes))) {
        throw new Refusal('not_found', 'There is no such thing here.');
      }
      const identity = await this.admitToControl(control, arrival, visit);
      if (identity instanceof Denial) return this.refuse(request, reply, identity.refusal, identity);
      this.admitted.set(request, { arrival, query, identity });
      return true;
    }

    if (isPage(method, path)) {
      visit.label = visit.route = consoleMatch;
      visit.answerHeaders = consoleHeaders;
      reply.hijack();
      await this.parts.console.answer(path, request.raw, visit.response);
      return false;
    }

    const { route: matched } = this.match(visit, arrival);
    const allowed = matched ? [] : unroutedMethods.has(method) ? ['GET', 'POST'] : allowedMethods(path);
    if (allowed.length > 0) {
      reply.raw.setHeader('Allow', allowed.join(', '));
      throw new Refusal('method_not_allowed', `This path does not take ${method}. It takes ${allowed.join(', ')}.`);
    }
    if (matched) visit.label = matched.match;
    reply.hijack();
    await this.pass(visit, arrival, query);
    return false;
  }

  private async passThrough(visit: Visit, path: string, query: string | null): Promise<void> {
    demandCommonHttp(visit.request);
    const arrival = arrivalOf(visit, path, this.parts);
    const malformed = await this.malformed(arrival, visit);
    if (malformed) this.answer(visit, malformed.refusal, malformed);
    else await this.pass(visit, arrival, query);
  }

  private async pass(visit: Visit, arrival: Arrival, query: string | null): Promise<void> {
    const passage = await this.decide(arrival, query, visit);
    if (passage instanceof Denial) return void this.answer(visit, passage.refusal, passage);
    proceed(visit);
    try {
      await this.parts.forward(passage, visit.request, visit.response);
    } catch (error) {
      const decisionId = error instanceof Refusal ? this.recordSignature(error, passage) : undefined;
      this.answer(visit, error, { decisionId });
    }
  }

  /** What two readers would take for two requests, or for two callers, is refused on public routes too. */
  private async malformed(arrival: Arrival, visit: Visit): Promise<Denial | undefined> {
    const { presented: found } = arrival;
    if (found?.kind !== 'refused' || httpStatus[found.refusal.code] !== 400) return undefined;
    const denial = await this.demand([], arrival, visit);
    return denial instanceof Denial ? denial : new Denial(found.refusal);
  }

  /** What the policy in force has for a visit. It is looked for once, and anew only under another policy. */
  private match(visit: Visit, { method, path }: Arrival): NonNullable<Visit['matched']> {
    const policy = this.parts.routes.policy();
    if (visit.matched?.policy !== policy) visit.matched = { policy, route: policy.routes.match(method, path) };
    return visit.matched;
  }

  /**
   * The one decision on what is not ours to answer, for requests that arrive here and for those that a proxy asks about. From the
   * moment that it is known who asks, everything is read from one policy in one turn: an edit comes wholly before or wholly after.
   */
  private async decide(arrival: Arrival, query: string | null, visit: Visit): Promise<Passage | Denial> {
    const identity = await this.identify(arrival, visit);
    const { policy, route } = this.match(visit, arrival);
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

  /**
   * A proxy asks whether it may let a request through to an upstream of its own, so only the policy's rules count, never the
   * gateway's own routes: what is public here would be open there.
   */
  private async answerDecision(
    request: FastifyRequest,
    reply: FastifyReply,
    asking: Arrival,
    visit: Visit,
  ): Promise<boolean> {
    const passage = await this.decideForwarded(asking, visit);
    if (passage instanceof Denial) {
      // Every 403 leads to its event, also where there was no credential to look at.
      const { refusal, requiredPermission } = passage;
      const unwritten = passage.decisionId === undefined && decisionStatus(refusal.code) === 403;
      const decisionId = unwritten
        ? this.parts.denials.unjudged(asking, this.clientIp(asking), refusal.code)
        : passage.decisionId;
      if (decisionId !== undefined) reply.raw.setHeader('X-Portcullis-Decision-Id', decisionId);
      return this.refuse(request, reply, refusal, { requiredPermission, decisionId });
    }
    const { identity } = passage;
    if (identity.kind === 'principal' && this.parts.decisionPeers.contains(asking.peer)) {
      const { id, organization_id, credential_id } = identity.principal;
      reply.headers({
        'X-Portcullis-Identity': this.parts.tokenFor(passage),
        'X-Portcullis-Principal': id,
        'X-Portcullis-Credential': credential_id,
        ...(organization_id === null ? {} : { 'X-Portcullis-Organization': organization_id }),
      });
    }
    reply.code(200).headers(namedOf(visit.answerHeaders)).header('Cache-Control', 'no-store').send();
    return false;
  }

  private async decideForwarded(asking: Arrival, visit: Visit): Promise<Passage | Denial> {
    try {
      const { query, ...arrival } = forwardedRequest(asking, this.parts.trustedProxies);
      const cannot = needsGateway({ ...arrival, query });
      return cannot === undefined
        ? await this.decide(arrival, query, visit)
        : new Denial(new Refusal('needs_gateway', cannot));
    } catch (error) {
      if (error instanceof Refusal) return new Denial(error);
      throw error;
    }
  }

  /** On a public control route nobody is asked who calls: a credential that happens to be there, good or bad, does not matter. */
  private async admitToControl({ access }: ControlRoute, arrival: Arrival, visit: Visit) {
    if (access.public || (access.loopback && isLocal(arrival))) {
      return { kind: 'anonymous' as const, clientIp: this.clientIp(arrival) };
    }
    const identity = await this.identify(arrival, visit);
    const isNowhere = identity.kind === 'principal' && identity.principal.organization_id === null;
    const asksNothing = access.permission === null || (isNowhere && access.needsOrganization === false);
    const over = this.overLimit(identity, arrival, visit);
    return over ?? this.demanded(identity, asksNothing ? [] : [access.permission], arrival);
  }

  /** The principal, if there is one who may; else a denial that is written down. */
  private async demand(permissions: readonly string[], arrival: Arrival, visit: Visit) {
    const identity = await this.identify(arrival, visit);
    return this.overLimit(identity, arrival, visit) ?? this.demanded(identity, permissions, arrival);
  }

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

  private callOf(request: FastifyRequest, reply: FastifyReply, { arrival, query, identity }: Admitted): ControlCall {
    const principal: Principal | null = identity.kind === 'principal' ? identity.principal : null;
    const callerOf = (who: Principal | null, idempotencyKey: string | null): Caller => ({
      principal: who,
      request: {
        id: arrival.requestId,
        client_ip: identity.clientIp,
        user_agent: userAgentOf(request.raw),
        idempotency_key: idempotencyKey,
      },
      reply_key: this.parts.replyKey,
    });
    return {
      arrival,
      principal,
      path: request.params as Record<string, string>,
      query,
      header: (name) => valuesOf(request.raw, name)[0],
      body: (options) =>
        readJsonBody(request.raw, {
          ...options,
          contentDigest: identity.kind === 'principal' ? identity.contentDigest : undefined,
          proceed: () => proceed(this.visitOf(request, reply)),
        }),
      form: () => readForm(request.raw, () => proceed(this.visitOf(request, reply))),
      clientIp: identity.clientIp,
      userAgent: userAgentOf(request.raw),
      caller: ({ idempotent }) => callerOf(principal, idempotent ? idempotencyKeyOf(request.raw) : null),
      callerAs: (who) => callerOf(who.principal, null),
      says: (name, value) => {
        const visit = this.visitOf(request, reply);
        visit.answerHeaders = [...(visit.answerHeaders ?? []), name, value];
      },
      admit: (who) => {
        const visit = this.visitOf(request, reply);
        if (isByKey(who)) visit.made = { arrival, identity: who };
        const over = this.overLimit(who, arrival, visit);
        if (over) throw over.refusal;
      },
      failed: (refusal) => void this.recordRefusal(refusal, { arrival, query, identity }),
    };
  }

  private send(request: FastifyRequest, reply: FastifyReply, answer: Answer): void {
    const { body } = answer;
    const isAsItIs = typeof body === 'string' || Buffer.isBuffer(body);
    reply
      .code(answer.status)
      .headers({
        'Content-Type': 'application/json; charset=utf-8',
        'Cache-Control': 'no-store',
        ...answer.headers,
        ...namedOf(this.visits.get(request)?.answerHeaders),
      })
      .serializer(String)
      .send(isAsItIs ? body : JSON.stringify(body));
  }

  /** Rejects only as long as nothing was written. */
  private async stream(
    request: FastifyRequest,
    reply: FastifyReply,
    { status, headers, body }: Answer & { body: Streamed },
    { identity }: Admitted,
  ): Promise<void> {
    const response = reply.raw;
    const attachment = this.parts.judge.attach(identity, () => response.destroy());
    if (!attachment) {
      await body.pieces.return?.();
      throw new Refusal('unavailable', 'This may not go on now. Try again shortly.', { retryAfterSeconds: 1 });
    }
    reply.hijack();
    response.writeHead(status, {
      'Cache-Control': 'no-store',
      ...headers,
      ...namedOf(this.visits.get(request)?.answerHeaders),
    });
    const isHead = request.raw.method === 'HEAD';
    await writeStreamed(response, body, {
      isHead,
      stopping: () => this.parts.stopping(),
      report: (line) => this.parts.report(line),
    });
    attachment.release();
  }

  private clientIp(arrival: Arrival): string {
    const forwardedFor = headerValues(arrival.rawHeaders, 'x-forwarded-for');
    return clientAddress({ peer: arrival.peer, forwardedFor, trusted: this.parts.trustedProxies });
  }
}

/** A control request that was let in. */
interface Admitted {
  arrival: Arrival;
  query: string | null;
  identity: Identity;
}

type Made = NonNullable<Visit['made']>;

const isByKey = (identity: Identity): identity is KeyIdentity =>
  identity.kind === 'principal' && identity.key !== undefined;

function arrivalOf(
  { request, requestId }: Visit,
  path: string,
  { apiKeyPrefixes }: Pick<FrontDoorParts, 'apiKeyPrefixes'>,
): Arrival {
  const { method = '', url: target = '', rawHeaders, socket } = request;
  const found = presented(rawHeaders, apiKeyPrefixes);
  return { requestId, method, target, path, rawHeaders, peer: socket.remoteAddress ?? '', presented: found };
}

class Denial {
  constructor(
    readonly refusal: Refusal,
    readonly requiredPermission?: string,
    readonly decisionId?: string,
  ) {}
}

/** Never routed by a policy, and no control route has them. */
const unroutedMethods: ReadonlySet<string> = new Set(['TRACE', 'CONNECT']);

/** A read below `/console` of what is no route of its session. */
const isPage = (method: string, path: string): boolean =>
  ['GET', 'HEAD'].includes(method) && isConsolePath(path) && allowedMethods(path).includes(method);

/** Fastify's match. A parameter that is empty is a trailing slash, which is another path. */
function controlRouteOf(request: FastifyRequest): ControlRoute | undefined {
  const route = request.is404 ? undefined : request.routeOptions.config.control;
  const values = Object.values((request.params ?? {}) as Record<string, string>);
  return route && values.every((value) => value !== '') ? route : undefined;
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
