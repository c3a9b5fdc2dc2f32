import { parseArgs } from 'node:util';
import { listRules, type RuleEntry } from '@portcullis/policy';
import { exit, UsageFault, type Command } from '../command.js';
import { columns, outputOf, print } from './print.js';
import { readPolicy } from './read-policy.js';

export const policyCheck: Command = {
  summary: 'Reads a policy file, says every fault in it, and lists who may do what',
  help: `portcullis policy check [FILE] [--output table|json|yaml]

FILE is the policy, else PORTCULLIS_POLICY, else config/policy.yaml. Variables of the policy come from
PORTCULLIS_VARIABLE_<NAME>.

Exit 0: it would be accepted. Every route is listed in the order in which they are tried, the gateway's own first, with the
permission that it requires, the roles that hold it, and the upstream.
Exit 78: it would not. Every fault is printed as file:line: sentence: a route without a permission or "public", one that an
earlier one hides, a role that covers less than it says, unknown names, cycles.

Examples:
  portcullis policy check
  portcullis policy check config/policy.yaml && git commit config/policy.yaml
  portcullis policy check --output json | jq '.routes[] | select(.public)'`,
  async run(args, env) {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { output: { type: 'string' } },
    });
    if (positionals.length > 1) throw new UsageFault('One file at a time.');
    const output = outputOf(values.output);
    const { file, policy, ownRoutes } = await readPolicy(positionals[0], env);
    const routes = listRules(policy, ownRoutes);
    const { digest, upstreams } = policy;
    print(output, { file, digest, routes }, () => {
      const count = policy.routes.list().length;
      const good = `${file} is good: ${count} routes, ${upstreams.size} upstreams, digest ${digest}`;
      return `${columns([['ROUTE', 'REQUIRES', 'HELD BY', 'UPSTREAM'], ...routes.map(rowOf)])}\n\n${good}`;
    });
    return exit.ok;
  },
};

const rowOf = ({ match, public: isPublic, permissions, roles, upstream }: RuleEntry): string[] => [
  match,
  isPublic ? 'nothing: public' : permissions.join(' and ') || 'a credential',
  isPublic || permissions.length === 0 ? 'anyone' : roles.join(', ') || 'no role',
  upstream ?? '(the gateway)',
];
