import { type Caller, type Principal } from '@portcullis/contracts';
import { type Admission } from '../admission.js';
import { readForm } from '../form-body.js';
import { headerValues } from '../header-values.js';
import { readJsonBody } from '../json-body.js';
import { type Arrival, type Identity } from '../judgement.js';
import { idempotencyKeyOf, proceed, userAgentOf, type Visit } from '../visit.js';
import { type ControlCall } from './route.js';

/** A control request that was let in. */
export interface Admitted {
  readonly arrival: Arrival;
  readonly query: string | null;
  readonly identity: Identity;
  /** The values of the path's parameters. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What a control route's handler sees of its request: nothing of it is read before the handler asks. */
export function controlCall(
  admitted: Admitted,
  visit: Visit,
  admission: Pick<Admission, 'count' | 'recordRefusal'>,
  replyKey: Caller['reply_key'],
): ControlCall {
  const { arrival, query, identity, parameters } = admitted;
  const { request } = visit;
  const principal = identity.kind === 'principal' ? identity.principal : null;
  const callerOf = (who: Principal | null, idempotencyKey: string | null): Caller => ({
    principal: who,
    request: {
      id: arrival.requestId,
      client_ip: identity.clientIp,
      user_agent: userAgentOf(request),
      idempotency_key: idempotencyKey,
    },
    reply_key: replyKey,
  });
  return {
    arrival,
    principal,
    path: parameters,
    query,
    header: (name) => headerValues(request.rawHeaders, name)[0],
    body: (options) =>
      readJsonBody(request, {
        ...options,
        contentDigest: identity.kind === 'principal' ? identity.contentDigest : undefined,
        proceed: () => proceed(visit),
      }),
    form: () => readForm(request, () => proceed(visit)),
    clientIp: identity.clientIp,
    userAgent: userAgentOf(request),
    caller: ({ idempotent }) => callerOf(principal, idempotent ? idempotencyKeyOf(request) : null),
    callerAs: (who) => callerOf(who.principal, null),
    says: (name, value) => {
      visit.answerHeaders = [...(visit.answerHeaders ?? []), name, value];
    },
    admit: (who) => admission.count(who, arrival, visit),
    failed: (refusal) => void admission.recordRefusal(refusal, admitted),
  };
}
