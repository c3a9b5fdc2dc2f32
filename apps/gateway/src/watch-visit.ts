import { ArrivingRequest } from './arriving-request.js';
import { drain } from './drain.js';
import { type AccessLog } from './events/access-log.js';
import { type Metrics } from './metrics.js';
import { type Visit } from './visit.js';

/** Whoever is told how visits end. */
export interface VisitLogs {
  readonly metrics: Pick<Metrics, 'answered'>;
  /** Is told of every request that a key made, when it is answered. */
  readonly accesses: Pick<AccessLog, 'answered'>;
  /** True once the process is stopping: connections are not kept for another request. */
  stopping(): boolean;
}

/** How long the rest of a body that nobody wants may keep a connection after the answer. */
const drainMilliseconds = 5_000;

/** Sees a visit to its end, whatever that is: metrics and the list of a key's requests are told, and what is left of its body is read. */
export function watchVisit(visit: Visit, logs: VisitLogs): void {
  const startedMs = performance.now();
  const { request, response } = visit;
  if (logs.stopping() || (request instanceof ArrivingRequest && request.passedOver))
    response.setHeader('Connection', 'close');
  response.on('close', () => {
    const durationMs = performance.now() - startedMs;
    logs.metrics.answered(visit.label, response.statusCode, durationMs / 1000);
    if (visit.made) list(visit, visit.made, durationMs, logs.accesses);
  });
  response.on('finish', () => drain(request, drainMilliseconds));
}

function list(
  { request, response, route }: Visit,
  { arrival, identity }: NonNullable<Visit['made']>,
  durationMs: number,
  accesses: VisitLogs['accesses'],
): void {
  const { statusCode, headersSent } = response;
  accesses.answered({
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
