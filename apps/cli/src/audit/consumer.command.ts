import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ReadsFrom } from '@portcullis/bus';
import { readSettings } from '@portcullis/settings';
import { z } from 'zod';
import { exit, Refused, UsageFault, type Command } from '../command.js';
import { columns, outputOf, print } from '../policy/print.js';
import { readOrMakeSecrets } from '../provision/secrets.js';
import { timeOf } from '../remote/remote-command.js';
import { addReader, readerCredentials, removeReader } from './reader.js';

const shape = z.object({ PORTCULLIS_HOME: z.string().default('.portcullis') });

export const consumer: Command = {
  summary: 'Makes, lists and deletes NATS users that read the stream of events',
  help: `portcullis audit consumer create NAME [--from start|new|TIME] [--output table|json|yaml]
portcullis audit consumer list
portcullis audit consumer delete NAME

create prints, this once, what a program connects to NATS with: servers, user, password, inbox prefix, the stream AUDIT and the durable pull
consumer that was made for it, which begins at the start of the stream, with what is new, or at a time (2026-11-24T09:00:00Z, 7d). That user
reads there, acknowledges, and may do nothing else: not publish, not ask a service, not make a consumer. It sees events of every
organization. Each message is a CloudEvent; repeats have the same id.

Works on the stack of PORTCULLIS_HOME (.portcullis), which must be running. \`portcullis up\` makes one to try out and writes it to
audit-consumer.json there (mode 0600).

Example:
  portcullis audit consumer create siem --output json > siem.json`,
  async run(args, env) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { output: { type: 'string' }, from: { type: 'string' } },
    });
    const output = outputOf(values.output);
    const [verb, name, ...more] = positionals;
    if (more.length > 0) throw new UsageFault('It takes one NAME and no more.');
    const home = readSettings(shape, env).PORTCULLIS_HOME;
    if (verb === 'list' && name === undefined) {
      if (!existsSync(join(home, 'secrets.json'))) throw noStack(home);
      const names = Object.keys(readOrMakeSecrets(join(home, 'secrets.json')).auditReaders);
      print(output, { items: names.map((one) => ({ name: one })) }, () => names.join('\n') || 'No consumers.');
      return exit.ok;
    }
    if (verb !== 'create' && verb !== 'delete') throw new UsageFault('Say what: create NAME, list, or delete NAME.');
    if (name === undefined || !/^[a-z0-9][a-z0-9-]{0,31}$/.test(name))
      throw new UsageFault('NAME is 1 to 32 lower-case letters, digits and hyphens.');
    const url = serverOf(home);
    if (verb === 'delete') {
      await removeReader(home, { name, url });
      print(output, { name, deleted: true }, () => `The consumer ${name} is deleted.`);
      return exit.ok;
    }
    const password = await addReader(home, { name, url, from: beginning(values.from) });
    const made = readerCredentials(name, url, password);
    print(output, made, () => columns(Object.entries(made).map(([field, value]) => [field, String(value)])));
    return exit.ok;
  },
};

function beginning(text: string | undefined): ReadsFrom {
  if (text === undefined || text === 'start' || text === 'new') return text ?? 'start';
  return new Date(timeOf(text, '--from') ?? '');
}

/** Where the message server of the stack listens, as `up` keeps it in mind. */
function serverOf(home: string): string {
  try {
    const { nats } = JSON.parse(readFileSync(join(home, 'ports.json'), 'utf8')) as { nats?: unknown };
    if (typeof nats === 'number' && existsSync(join(home, 'secrets.json'))) return `nats://127.0.0.1:${nats}`;
  } catch {
    // Said below.
  }
  throw noStack(home);
}

const noStack = (home: string): Refused =>
  new Refused(
    `${home} is the home of no stack with a message server of its own: set PORTCULLIS_HOME to that of \`portcullis up\`. On a server of yours, make a user that may read AUDIT there.`,
  );
