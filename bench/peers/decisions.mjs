// Portcullis' decision on the node policy. ASK=permission: the name is looked up and tested against what the role holds, as the
// gateway does at each request; ASK=route: the path is normalised and matched to a route first.
import { allows } from '@portcullis/authz';
import { normalisePath } from '@portcullis/policy';
import { nodePolicy, questions, roles } from '../node-policy.mjs';
import { answerRounds } from './answer-rounds.mjs';

const policy = await nodePolicy();
const { lattice, routes } = policy;
const grants = new Map(roles.map((role) => [role, lattice.grant({ roles: [role] })]));
const asked = questions(policy).map((one) => ({ ...one, grant: grants.get(one.role) }));
let granted = 0;

const byPermission = (at) => {
  const { grant, permission } = asked[at % asked.length];
  if (allows(grant, lattice.permissionIndex(permission))) granted++;
};
const byRoute = (at) => {
  const { grant, method, path } = asked[at % asked.length];
  const normalised = normalisePath(path);
  const route = normalised.ok && routes.match(method, normalised.path);
  if (route && route.permissionIndexes.every((index) => allows(grant, index))) granted++;
};
answerRounds(1, process.env.ASK === 'route' ? byRoute : byPermission, { batch: 10_000 });
