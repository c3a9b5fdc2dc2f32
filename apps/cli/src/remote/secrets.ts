import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { exit, Refused, UsageFault } from '../command.js';
import { type Call, type Options } from './remote-command.js';
import { columns } from '../policy/print.js';
import { cell } from './tables.js';

export const secretsOptions = {
  'secrets-to': { type: 'string' },
  'idempotency-key': { type: 'string' },
} as const satisfies Options;

export const secretsHelp = `Secrets are shown once, in this answer alone: on the terminal, or in the json or yaml that a program reads from a pipe
("credentials"). With --secrets-to FILE they are there and nowhere else: a new file of mode 0600. A table into a pipe or a
file would leave them in a log, and is refused.`;

/** A record with its secrets, as a gateway answers when it has just made them. */
export interface Issued {
  readonly id: string;
  readonly credentials: Readonly<Record<string, unknown>>;
}

/**
 * Has secrets made and shows them once. Where they go is settled before anything is asked for: a secret that nobody can be shown
 * is lost.
 */
export async function showOnce<Reply extends Issued>(
  call: Call<typeof secretsOptions>,
  make: () => Promise<Reply>,
  table: (record: Omit<Reply, 'credentials'>) => string,
): Promise<number> {
  const path = call.values['secrets-to'];
  if (path === undefined && call.output === 'table' && !process.stdout.isTTY)
    throw new UsageFault(
      'Standard output is no terminal: say --secrets-to FILE, or --output json to have the secrets there.',
    );
  const file = path === undefined ? null : newFile(path);
  let made: Reply;
  try {
    made = await make();
  } catch (error) {
    file?.drop();
    throw error;
  }
  const { credentials, ...record } = made;
  const shownBefore = credentials['secret_already_shown'] === true;
  if (file === null) {
    const rows = Object.entries(credentials).map(([name, value]) => [name, cell(value)]);
    const words = shownBefore
      ? 'Its secrets were in the first answer to this --idempotency-key, and are not shown again.'
      : `Shown this once:\n${columns(rows)}`;
    call.print(made, () => `${table(record)}\n\n${words}`);
    return exit.ok;
  }
  if (shownBefore) {
    file.drop();
    call.print(made, () => `${table(record)}\n\nIts secrets were in the first answer: ${path} was not written.`);
    return exit.ok;
  }
  file.write(`${JSON.stringify({ id: made.id, ...credentials }, null, 2)}\n`, made.id);
  call.print({ ...record, secrets_file: path }, () => `${table(record)}\n\nIts secrets are in ${path}.`);
  return exit.ok;
}

function newFile(path: string): { write(text: string, id: string): void; drop(): void } {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Refused(
      code === 'EEXIST'
        ? `${path} is there already: secrets go into a new file. Nothing was asked for.`
        : `${path} cannot be made (${code}). Nothing was asked for.`,
    );
  }
  return {
    write: (text, id) => {
      try {
        writeSync(file, text);
        fsyncSync(file);
        closeSync(file);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        throw new Refused(
          `${id} was made, but its secrets could not be written to ${path} (${code}): rotate or revoke it.`,
        );
      }
    },
    drop: () => {
      closeSync(file);
      rmSync(path, { force: true });
    },
  };
}
