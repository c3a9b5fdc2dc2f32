import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ReadsFrom } from '@portcullis/bus';
import { writeNatsUsers } from '@portcullis/embedded';
import { readSettings } from '@portcullis/settings';
import { z } from 'zod';
import { exit, Refused, UsageFault, type Command } from '../command.js';
import { columns, outputOf, print } from '../policy/print.js';
import { readOrMakeSecrets } from '../provision/secrets.js';
import { timeOf, wholeNumber } from '../remote/remote-command.js';
import { addReader, readerCredentials, type ReadersServer, removeReader, serverOfHome } from './reader.js';

const shape = z.object({ PORTCULLIS_HOME: z.string().default('.portcullis') });

export const consumer: Command = {
  summary: 'Makes, lists and deletes NATS users that read the stream of events',
  help: `portcullis audit consumer create NAME [--from start|new|TIME] [--subject S…] [--output table|json|yaml]
portcullis audit consumer list
portcullis audit consumer delete NAME

create prints, this once, what a program connects to NATS with: servers, user, password, inbox prefix, the stream AUDIT and the durable pull
consumer that was made for it, which begins at the start of the stream, with what is new, or at a time (2026-11-24T09:00:00Z, 7d). That user
reads there, acknowledges, and may do nothing else: not publish, not ask a service, not make a consumer. It sees events of every
organization. Each message is a CloudEvent; repeats have the same id. To read again from elsewhere, delete it and make it again.

  --subject S            only these: audit.<organization>.<service>.<noun>.<participle>, with * for any token and > for all that
                         follow; the option again for another, on nats-server 2.10 and later

Works on the stack of PORTCULLIS_HOME (.portcullis), which must be running. \`portcullis up\` makes one to try out and writes it to
audit-consumer.json there (mode 0600). Beside a nats-server that \`portcullis provision --compose\` has configured:

  --server URL           where readers find it: nats://nats:4222
  --nats-config FILE     its configuration, which is written anew
  --nats-pid N           its process, which is told (SIGHUP)

With docker-compose.yml all three are set: docker compose run --rm consumer create NAME --output json

Example:
  portcullis audit consumer create siem --output json > siem.json
  portcullis audit consumer create keys --from 7d --subject 'audit.*.api-key.>'`,
  async run(args, env) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...{ output: { type: 'string' }, from: { type: 'string' }, subject: { type: 'string', multiple: true } },
        ...{ server: { type: 'string' }, 'nats-config': { type: 'string' }, 'nats-pid': { type: 'string' } },
      },
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
    const server = configuredServer(home, values) ?? serverOfHome(home, urlOf(home));
    if (verb === 'delete') {
      await removeReader(server, name);
      print(output, { name, deleted: true }, () => `The consumer ${name} is deleted.`);
      return exit.ok;
    }
    const password = await addReader(server, {
      name,
      from: beginning(values.from),
      subjects: subjectsOf(values.subject),
    });
    const made = readerCredentials(name, server.url, password);
    print(output, made, () => columns(Object.entries(made).map(([field, value]) => [field, String(value)])));
    return exit.ok;
  },
};

function beginning(text: string | undefined): ReadsFrom {
  if (text === undefined || text === 'start' || text === 'new') return text ?? 'start';
  return new Date(timeOf(text, '--from') ?? '');
}

const subjectTokens = 5;

/** Subjects with the tokens that those of events have: a server takes no `>` that would reach further than its stream. */
function subjectsOf(given: readonly string[] = []): readonly string[] {
  return given.map((subject) => {
    const tokens = subject.replace(/\.>$/, '').split('.');
    const missing = subjectTokens - tokens.length;
    const isOpen = subject.endsWith('.>');
    const isPattern = tokens[0] === 'audit' && tokens.every((token) => /^(?:[\w-]+|\*)$/.test(token));
    if (!isPattern || (isOpen ? missing < 1 : missing !== 0))
      throw new UsageFault(
        "--subject is audit.<organization>.<service>.<noun>.<participle>, with * and >: 'audit.*.api-key.>'.",
      );
    return [...tokens, ...Array.from({ length: missing }, () => '*')].join('.');
  });
}

/** A server that others start, with a configuration of ours. */
function configuredServer(
  home: string,
  given: { server?: string; 'nats-config'?: string; 'nats-pid'?: string },
): ReadersServer | undefined {
  const { server: url, 'nats-config': configFile, 'nats-pid': pid } = given;
  if (url === undefined && configFile === undefined && pid === undefined) return undefined;
  if (url === undefined || configFile === undefined || pid === undefined)
    throw new UsageFault('--server, --nats-config and --nats-pid go together.');
  const natsProcess = wholeNumber(pid, '--nats-pid', { min: 1, max: 999_999_999 });
  const secretsFile = join(home, 'secrets.json');
  if (!existsSync(secretsFile)) throw noStack(home);
  return {
    url,
    secretsFile,
    takeUp: (users) => {
      writeNatsUsers(configFile, users);
      process.kill(natsProcess, 'SIGHUP');
    },
  };
}

/** Where the message server of the stack listens, as `up` keeps it in mind. */
function urlOf(home: string): string {
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
