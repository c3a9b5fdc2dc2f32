// casbin on the node policy: role inheritance by `g`, one line for each permission that a role adds. ASK=permission asks for a
// permission by name; ASK=route asks by method and path, matched with keyMatch4.
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import { nodePolicy, questions, roles } from '../node-policy.mjs';
import { answerRounds } from './answer-rounds.mjs';

const policy = await nodePolicy();
const asked = questions(policy);
const byRoute = process.env.ASK === 'route';
const model = `
[request_definition]
r = sub, obj${byRoute ? ', act' : ''}
[policy_definition]
p = sub, obj${byRoute ? ', act' : ''}
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = ${byRoute ? 'r.act == p.act && keyMatch4(r.obj, p.obj) && g(r.sub, p.sub)' : 'r.obj == p.obj && g(r.sub, p.sub)'}
`;
const { lattice } = policy;
const lines = [];
for (const role of roles) {
  const holds = new Set(lattice.names(lattice.grant({ roles: [role] })));
  const own = asked.filter((one) => one.role === role && holds.has(one.permission));
  for (const one of own) {
    const object = one.pattern.replace('/**', '/*').replaceAll(/\*(?=\/)/g, '{x}');
    lines.push(byRoute ? `p, ${role}, ${object}, ${one.method}` : `p, ${role}, ${one.permission}`);
  }
}
const enforcer = await newEnforcer(newModelFromString(model), new StringAdapter([...new Set(lines)].join('\n')));
let granted = 0;
answerRounds(1, async (at) => {
  const one = asked[at % asked.length];
  if (await enforcer.enforce(...[one.role, byRoute ? one.path : one.permission, ...(byRoute ? [one.method] : [])]))
    granted++;
});
