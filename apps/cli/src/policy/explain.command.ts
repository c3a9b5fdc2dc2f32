import { parseArgs } from 'node:util';
import { explainDecision, type Explanation } from '@portcullis/policy';
import { exit, UsageFault, type Command } from '../command.js';
import { columns, outputOf, print } from './print.js';
import { readPolicy } from './read-policy.js';

export const policyExplain: Command = {
  summary: 'Says what a policy decides for a method, a path and roles',
  help: `portcullis policy explain METHOD PATH --roles a,b [--policy FILE] [--output table|json|yaml]

Says, with no server running, which rule decides, what it requires, what the roles hold of it, and the verdict. FILE is the
policy, else PORTCULLIS_POLICY, else config/policy.yaml. Roles hold their permissions on every bucket.

Exit 0: it would be allowed. Exit 1: denied. Exit 78: the policy has faults.
A running gateway answers the same for a credential at POST /v1/decisions/explain.

Examples:
  portcullis policy explain GET /v1/counterparties/cp_1 --roles observer
  portcullis policy explain DELETE /v1/api-keys/key_1 --roles developer,compliance`,
  async run(args, env) {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { roles: { type: 'string' }, policy: { type: 'string' }, output: { type: 'string' } },
    });
    const [method, path, ...more] = positionals;
    if (method === undefined || path === undefined || more.length > 0)
      throw new UsageFault('Give a method and a path.');
    if (values.roles === undefined) throw new UsageFault('Say whose: --roles a,b (or --roles "" for none).');
    const output = outputOf(values.output);
    const { policy, ownRoutes } = await readPolicy(values.policy, env);
    const roles = values.roles.split(',').flatMap((name) => name.trim() || []);
    const unknown = policy.lattice.unknown({ roles }).roles;
    if (unknown.length > 0) throw new UsageFault(`The policy has no role ${unknown.join(', ')}.`);
    const grant = policy.lattice.grant({ roles, buckets: 'all' });
    const found = explainDecision(policy, { method: method.toUpperCase(), path, grant, ownRoutes });
    print(output, { ...found, digest: policy.digest }, () => tableOf(found));
    return found.verdict === 'allow' ? exit.ok : exit.refused;
  },
};

function tableOf({ rule, requires, missing, verdict, reason }: Explanation): string {
  const where = rule?.file ? ` (${rule.file}:${rule.line})` : rule ? ' (the gateway itself)' : '';
  return columns([
    ['rule', rule ? `${rule.match}${where}` : 'none'],
    ['requires', rule?.public ? 'nothing: public' : requires.join(', ') || (rule ? 'a credential' : '')],
    ['missing', missing.join(', ') || 'nothing'],
    ['verdict', reason === null ? verdict : `${verdict}: ${reason}`],
  ]);
}
