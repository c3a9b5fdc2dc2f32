import { parseArgs } from 'node:util';
import { BcryptHash, BcryptHashRefused, hashWithBcrypt, Secret } from '@portcullis/credentials';
import { exit, Refused, UsageFault, type Command } from '../command.js';
import { pipedSecret, typedSecret } from '../secret-input.js';

const checkUsage = `Usage: portcullis bcrypt --check your-plain-text-password 'password-hash'\n`;

export const bcrypt: Command = {
  summary: 'Hashes the node password, or checks it against a hash',
  help: `portcullis bcrypt [PASSWORD]
portcullis bcrypt --check PASSWORD HASH

Prints the bcrypt hash of PASSWORD (cost 12), without a line end: the value of --admin-password and
PORTCULLIS_ADMIN_PASSWORD_HASH. Without PASSWORD, or with "-" in its place, it is asked for, or read from standard input,
so that it stands in no history of commands. At most 72 bytes: bcrypt reads no further.

--check says whether PASSWORD is that of HASH, which any tool may have made ($2a$, $2b$, $2y$). Exit 0: it is; 1: it is not.

Put both in single quotes: in double ones a shell replaces $ecret in super$ecret by nothing, and hashes "super".

Examples:
  portcullis bcrypt
  portcullis up --admin-password "$(portcullis bcrypt)"
  portcullis bcrypt --check - '$2a$12$Ltg3M2W53Xv9wwJ2.iAv4e4gWELrrr8D2dYat7wNdY2xArdmOSL1i'`,

  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { check: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [given = '-', hash, ...more] = positionals;
    if (values.check) {
      if (positionals.length === 1) {
        process.stdout.write(checkUsage);
        return exit.ok;
      }
      if (hash === undefined || more.length > 0) throw new UsageFault('--check takes a password and a hash.');
      return check(hash, await passwordOf(given));
    }
    if (hash !== undefined) throw new UsageFault('One password at a time. Put one with blanks in quotes.');
    process.stdout.write(await hashed(await passwordOf(given)));
    return exit.ok;
  },
};

async function hashed(password: Secret): Promise<string> {
  try {
    return await hashWithBcrypt(password);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refused(error.message);
  }
}

async function check(text: string, password: Secret): Promise<number> {
  let hash: BcryptHash;
  try {
    hash = BcryptHash.parse(text);
  } catch (error) {
    if (!(error instanceof BcryptHashRefused)) throw error;
    throw new Refused(`${error.message} Is it in single quotes? A shell replaces $2a and what follows.`);
  }
  if (!(await hash.matches(password))) throw new Refused('password hash does not match provided plain text');
  process.stdout.write('OK: password hash matches provided plain text\n');
  return exit.ok;
}

async function passwordOf(given: string): Promise<Secret> {
  if (given !== '-') return Secret.of(given);
  return Secret.of(process.stdin.isTTY ? await typedSecret() : await pipedSecret());
}
