import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadPolicy } from '@portcullis/policy';
import { policyVariables } from '@portcullis/settings';
import { exit, UsageFault, type Command } from '../command.js';

export const policyCheck: Command = {
  summary: 'Reads a policy file and says every fault in it',
  help: `portcullis policy check [FILE]

FILE is the policy, else PORTCULLIS_POLICY, else config/policy.yaml. Exit 0: it would be accepted. Exit 78: it would not;
every fault is printed as file:line: sentence. Variables of the policy come from PORTCULLIS_VARIABLE_<NAME>.

Examples:
  portcullis policy check
  portcullis policy check config/policy.yaml && git commit config/policy.yaml`,
  async run(args, env) {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true });
    if (positionals.length > 1) throw new UsageFault('One file at a time.');
    const file = positionals[0] ?? (env['PORTCULLIS_POLICY'] || shippedPolicy);
    const catalogueDirectory = env['PORTCULLIS_CATALOGUE_DIRECTORY'];
    const result = await loadPolicy(file, {
      variables: policyVariables(env),
      ...(catalogueDirectory ? { catalogueDirectory } : {}),
    });
    if ('faults' in result) {
      for (const fault of result.faults) process.stderr.write(`${fault.file}:${fault.line}: ${fault.message}\n`);
      return exit.configuration;
    }
    const { routes, upstreams, digest } = result.policy;
    process.stdout.write(
      `${file} is good: ${routes.list().length} routes, ${upstreams.size} upstreams, digest ${digest}\n`,
    );
    return exit.ok;
  },
};

const shippedPolicy = resolve(import.meta.dirname, '../../../../config/policy.yaml');
