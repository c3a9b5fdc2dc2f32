import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readSettings } from '@portcullis/settings';
import { z } from 'zod';
import { exit, type Command } from '../command.js';
import { columns, outputOf, print } from '../policy/print.js';
import { readGuardFile } from './guard-file.js';

export const credentials: Command = {
  summary: 'Shows what a guard in another service joins enforcement with',
  help: `portcullis guard credentials [--output table|json|yaml]

Prints the NATS user that guards share, with its password, and the issuer and audience of access tokens: what
JoinedGuard.connect of @portcullis/guard takes. That user may exchange leases as a guard, ask what a key or a person holds, and
nothing else. Treat the password like that of a database.

Reads guard.json in PORTCULLIS_HOME (.portcullis), which \`portcullis up\` writes with mode 0600.

Example:
  portcullis guard credentials --output json > guard.json`,
  run(args, env) {
    const { values } = parseArgs({ args: [...args], options: { output: { type: 'string' } } });
    const output = outputOf(values.output);
    const { PORTCULLIS_HOME: home } = readSettings(
      z.object({ PORTCULLIS_HOME: z.string().default('.portcullis') }),
      env,
    );
    const found = readGuardFile(join(home, 'guard.json'));
    const rows = Object.entries(found).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]);
    print(output, found, () => columns(rows));
    return Promise.resolve(exit.ok);
  },
};
