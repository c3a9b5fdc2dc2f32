import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Caller, Refusal } from '@portcullis/contracts';
import { normalisePath, type RouteTable } from '@portcullis/policy';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { Admission, type AdmissionParts, Denial } from './admission.js';
import { consoleHeaders, consoleMatch, type ConsolePages, isConsolePath } from './console/console-pages.js';
import { presented } from './credential/presented.js';
import { ForwardAuth, type ForwardAuthParts } from './decisions/forward-auth.js';
import { asksForDecision, decisionsPath } from './decisions/forwarded-request.js';
import { type Judge } from './judge/judge.js';
import { type Arrival, type Identity } from './judgement.js';
import { type Metrics } from './metrics.js';
import { type Passage } from './passage.js';
import { type ProblemContext, problemOf, refusalOf } from './problem.js';
import { type Admitted, controlCall } from './routes/control-call.js';
import { allowedMethods, ownRouteTable } from './routes/control-routes.js';
import { type Answer, type ControlRoute, type RouteParts, Streamed } from './routes/route.js';
import {
  aVisit,
  awaitsContinue,
  demandCommonHttp,
  matchUnder,
  namedOf,
  proceed,
  requestIdOf,
  type Visit,
} from './visit.js';
import { type VisitLogs, watchVisit } from './watch-visit.js';
import { writeStreamed } from './write-streamed.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route's entry in the table. */
    control?: ControlRoute;
  }
}

export interface FrontDoorParts extends AdmissionParts, ForwardAuthParts, VisitLogs {
  readonly judge: AdmissionParts['judge'] & Pick<Judge, 'attach'>;
  readonly denials: AdmissionParts['denials'] & ForwardAuthParts['denials'];
  /** Writes the upstream's answer; rejects with a refusal as long as nothing was written. */
  forward(passage: Passage, request: IncomingMessage, response: ServerResponse): Promise<void>;
  readonly routes: RouteParts;
  /** Files of the console, answered to anybody. */
  readonly console: Pick<ConsolePages, 'answer'>;
  readonly metrics: Metrics;
  /** Prefixes of API keys that are ours, present and past. */
  readonly apiKeyPrefixes: readonly string[];
  readonly replyKey: Caller['reply_key'];
  report(line: string): void;
}

/** What a problem document says beside its refusal. */
type About = Pick<ProblemContext, 'requiredPermission' | 'decisionId' | 'challenge'>;

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
  private readonly admission: Admission;
  private readonly forwardAuth: ForwardAuth;

  constructor(private readonly parts: FrontDoorParts) {
    this.admission = new Admission(parts);
    this.forwardAuth = new ForwardAuth(this.admission, parts);
  }

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
    watchVisit(visit, this.parts);
    this.passThrough(visit, path, query).catch((error: unknown) => this.answer(visit, error));
    return true;
  }

  /**
   * Refuses, forwards, or answers true: the control route's handler may run. Never rejects. It does not answer the reply, as Fastify's
   * promise hooks do: a reply is a promise itself, which breaks when the client hangs up.
   */
  async enter(request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const visit = this.visitOf(request, reply);
    watchVisit(visit, this.parts);
    visit.response.setHeader('X-Request-Id', visit.requestId);
    visit.response.setHeader('X-Content-Type-Options', 'nosniff');
    try {
      return await this.admit(request, reply, visit);
    } catch (error) {
      return this.refuse(request, reply, error);
    }
  }

  /** Answers a control request that `enter` let pass. */
  async serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const route = request.routeOptions.config.control;
    const admitted = this.admitted.get(request);
    const visit = this.visitOf(request, reply);
    const { admission } = this;
    try {
      // Unreachable while the hook stands before every route. Without it nothing is served.
      if (!route || !admitted) throw new Refusal('unauthenticated', 'This needs a credential.');
      const call = controlCall(admitted, visit, admission, this.parts.replyKey);
      const answer = await route.answer(call, this.parts.routes);
      if (answer.body instanceof Streamed)
        await this.stream(reply, { ...answer, body: answer.body }, visit, admitted.identity);
      else this.send(reply, answer, visit);
    } catch (error) {
      const decisionId = error instanceof Refusal && admitted ? admission.recordRefusal(error, admitted) : undefined;
      this.refuse(request, reply, error, { decisionId, challenge: route?.challenge });
    }
  }

  /** Any error as a problem document; also for what Fastify finds wrong before or after the hook. Answers false: go no further. */
  refuse(request: FastifyRequest, reply: FastifyReply, error: unknown, about: About = {}): false {
    reply.hijack();
    return this.answer(this.visitOf(request, reply), error, about);
  }

  private async passThrough(visit: Visit, path: string, query: string | null): Promise<void> {
    demandCommonHttp(visit.request);
    const arrival = arrivalOf(visit, path, this.parts);
    const malformed = await this.admission.malformed(arrival, visit);
    if (malformed) this.answer(visit, malformed.refusal, malformed);
    else await this.pass(visit, arrival, query);
  }

  private async pass(visit: Visit, arrival: Arrival, query: string | null): Promise<void> {
    const passage = await this.admission.decide(arrival, query, visit);
    if (passage instanceof Denial) return void this.answer(visit, passage.refusal, passage);
    proceed(visit);
    try {
      await this.parts.forward(passage, visit.request, visit.response);
    } catch (error) {
      const decisionId = error instanceof Refusal ? this.admission.recordRefusal(error, passage) : undefined;
      this.answer(visit, error, { decisionId });
    }
  }

  private async admit(request: FastifyRequest, reply: FastifyReply, visit: Visit): Promise<boolean> {
    demandCommonHttp(request.raw);
    const target = request.raw.url ?? '';
    const method = request.raw.method ?? '';
    if (asksForDecision(method, target)) {
      visit.label = 'decision';
      const asking = arrivalOf(visit, target.split('?', 1)[0] ?? '', this.parts);
      return await this.answerDecision(reply, asking, visit);
    }
    const normalised = normalisePath(target);
    if (!normalised.ok) throw new Refusal('invalid_request', `The path is not acceptable: ${normalised.reason}.`);
    const { path, query } = normalised;
    const arrival = arrivalOf(visit, path, this.parts);
    const malformed = await this.admission.malformed(arrival, visit);
    if (malformed) return this.refuse(request, reply, malformed.refusal, malformed);
    const control = controlRouteOf(request);
    // Only the plain spelling asks for a decision: what follows it is somebody else's path.
    if (control?.path === decisionsPath) throw new Refusal('not_found', 'There is no such thing here.');
    if (control) {
      visit.label = visit.route = `${control.method} ${control.path}`;
      if (control.isThere && !(await control.isThere(this.parts.routes))) {
        throw new Refusal('not_found', 'There is no such thing here.');
      }
      const identity = await this.admission.toControl(control, arrival, visit);
      if (identity instanceof Denial) return this.refuse(request, reply, identity.refusal, identity);
      this.admitted.set(request, { arrival, query, identity, parameters: request.params as Record<string, string> });
      return true;
    }

    if (isPage(method, path)) {
      visit.label = visit.route = consoleMatch;
      visit.answerHeaders = consoleHeaders;
      reply.hijack();
      await this.parts.console.answer(path, request.raw, visit.response);
      return false;
    }

    const { route: matched } = matchUnder(this.parts.routes.policy(), visit, arrival);
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

  private async answerDecision(reply: FastifyReply, asking: Arrival, visit: Visit): Promise<false> {
    const decided = await this.forwardAuth.decide(asking, visit);
    if (decided instanceof Denial) {
      const { refusal, decisionId } = decided;
      if (decisionId !== undefined) reply.raw.setHeader('X-Portcullis-Decision-Id', decisionId);
      reply.hijack();
      return this.answer(visit, refusal, decided);
    }
    const identity = this.forwardAuth.identityHeaders(decided, asking.peer);
    if (identity) reply.headers(identity);
    reply.code(200).headers(namedOf(visit.answerHeaders)).header('Cache-Control', 'no-store').send();
    return false;
  }

  private send(reply: FastifyReply, { status, headers, body }: Answer, visit: Visit): void {
    const isAsItIs = typeof body === 'string' || Buffer.isBuffer(body);
    reply
      .code(status)
      .headers({
        'Content-Type': 'application/json; charset=utf-8',
        'Cache-Control': 'no-store',
        ...headers,
        ...namedOf(visit.answerHeaders),
      })
      .serializer(String)
      .send(isAsItIs ? body : JSON.stringify(body));
  }

  /** Rejects only as long as nothing was written. */
  private async stream(
    reply: FastifyReply,
    { status, headers, body }: Answer & { body: Streamed },
    visit: Visit,
    identity: Identity,
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
      ...namedOf(visit.answerHeaders),
    });
    const isHead = visit.request.method === 'HEAD';
    await writeStreamed(response, body, {
      isHead,
      stopping: () => this.parts.stopping(),
      report: (line) => this.parts.report(line),
    });
    attachment.release();
  }

  private visitOf(request: FastifyRequest, { raw: response }: FastifyReply): Visit {
    let visit = this.visits.get(request);
    if (!visit) this.visits.set(request, (visit = aVisit(request.raw, response, request.id, '(none)')));
    return visit;
  }

  private answer({ request, response, requestId, answerHeaders }: Visit, error: unknown, about: About = {}): false {
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
}

function arrivalOf(
  { request, requestId }: Visit,
  path: string,
  { apiKeyPrefixes }: Pick<FrontDoorParts, 'apiKeyPrefixes'>,
): Arrival {
  const { method = '', url: target = '', rawHeaders, socket } = request;
  const found = presented(rawHeaders, apiKeyPrefixes);
  return { requestId, method, target, path, rawHeaders, peer: socket.remoteAddress ?? '', presented: found };
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
