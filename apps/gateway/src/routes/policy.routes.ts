import { PolicyReport, Refusal } from '@portcullis/contracts';
import { explainDecision } from '@portcullis/policy';
import { z } from 'zod';
import { decisionsPath } from '../decisions/forwarded-request.js';
import { httpInputOf, readInput } from './http-input.js';
import { type ControlCall, type ControlRoute, ownRoute, type RouteParts } from './route.js';

const tag = 'Policy';
const access = { public: false, permission: 'policy:view' } as const;

const PolicyView = z.object({
  /** Of the process that answers. */
  digest: z.string(),
  /** Whether every process that answered runs it: then an edit is in force everywhere. */
  agreed: z.boolean(),
  processes: z.array(PolicyReport),
});

const ExplainRequest = z.strictObject({
  method: z.string().regex(/^[A-Z]{1,32}$/, 'must be an HTTP method in capitals'),
  path: z.string().max(8192, 'must be at most 8192 characters').startsWith('/', 'must start with a slash'),
  credential_id: z.string().min(1, 'must not be empty').max(64, 'must be at most 64 characters').optional(),
  roles: z.array(z.string().max(128)).max(64, 'must be at most 64 roles').optional(),
});

const ExplainReply = z.object({
  /** What decides: null if nothing matches. */
  rule: z
    .object({
      source: z.enum(['portcullis', 'policy']),
      match: z.string(),
      public: z.boolean(),
      permissions: z.array(z.string()),
      upstream: z.string().nullable(),
    })
    .nullable(),
  requires: z.array(z.string()),
  held: z.array(z.string()),
  missing: z.array(z.string()),
  verdict: z.enum(['allow', 'deny']),
  /** `malformed_path`, `no_route`, `missing_permission`, or why the credential is no good; null for `allow`. */
  reason: z.string().nullable(),
  /** Of the policy that was asked. */
  digest: z.string(),
});

const explainInput = httpInputOf(ExplainRequest, 'POST', `${decisionsPath}/explain`);

/** What the policy says, and to whom; the decisions themselves are answered before any handler, like those on requests. */
export const policyRoutes: readonly ControlRoute[] = [
  ownRoute({
    method: 'GET',
    path: '/v1/policy',
    tag,
    summary:
      'Which policy each gateway and each service that decides runs at this moment, and the last edit that was refused',
    access,
    reply: PolicyView,
    answer: async (_call, parts) => {
      const { digest } = parts.policy();
      const processes = await parts.policyReports();
      return { status: 200, body: { digest, agreed: processes.every((one) => one.digest === digest), processes } };
    },
  }),
  ...(['GET', 'POST'] as const).map((method) =>
    ownRoute({
      method,
      path: decisionsPath,
      tag,
      summary:
        'Whether a proxy may let a request through: X-Forwarded-Method, X-Forwarded-Uri and X-Forwarded-Host say which; 200, 401, 403 or 503',
      access: { public: true },
      reply: { mediaType: 'text/plain' },
      answer: () => Promise.reject(new Error('decisions are answered by the front door')),
    }),
  ),
  {
    ...ownRoute({
      method: 'POST',
      path: `${decisionsPath}/explain`,
      tag,
      summary: 'What would be decided for a method and a path, by which rule, and what of it is held',
      access,
      reply: ExplainReply,
      answer: explain,
      example: { method: 'POST', path: '/v1/transactions', roles: ['compliance'] },
    }),
    input: explainInput,
  },
];

async function explain(call: ControlCall, parts: RouteParts) {
  const asked = readInput(explainInput, { path: {}, query: call.query, body: await call.body() });
  const { method, path, credential_id, roles } = ExplainRequest.parse(asked);
  if ((credential_id === undefined) === (roles === undefined)) {
    const errors = [{ field: 'credential_id', message: 'give either this or roles' }];
    throw new Refusal('invalid_request', 'Give either credential_id or roles.', { errors });
  }
  const policy = parts.policy();
  const held = roles
    ? { grant: grantOf(policy.lattice, roles), refused: null }
    : await parts.explainCredential(credential_id ?? '', call.principal?.organization_id ?? '', policy.lattice);
  if (!held) throw new Refusal('not_found', 'There is no such credential here.');
  const found = explainDecision(policy, { method, path, grant: held.grant, ownRoutes: parts.ownRoutes });
  const overruled = held.refused !== null && !found.rule?.public;
  const body = overruled ? { ...found, verdict: 'deny', reason: held.refused } : found;
  return { status: 200, body: ExplainReply.parse({ ...body, digest: policy.digest }) };
}

function grantOf(lattice: ReturnType<RouteParts['policy']>['lattice'], roles: readonly string[]) {
  const unknown = lattice.unknown({ roles }).roles;
  if (unknown.length === 0) return lattice.grant({ roles, buckets: 'all' });
  const errors = unknown.map((name) => ({ field: 'roles', message: `${name} is no role of the policy` }));
  throw new Refusal('invalid_request', 'The request names roles that are not in the policy.', { errors });
}
