import { renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exit, Refused, type Command, type Environment } from '../command.js';
import { closingWords } from './closing-words.js';
import { wantsExampleStore } from './example-store.js';
import { unknownVariables } from './programs.js';
import { readUpSettings } from './settings.js';
import { Stack } from './stack.js';

/** The checkout, or the image's folder: `apps/cli/dist/up` is four below it. */
const checkout = resolve(import.meta.dirname, '../../../..');

export const up: Command = {
  summary: 'Runs a whole installation on this machine, without Docker',
  help: `portcullis up [--admin-password HASH] [--token-encryption-key KEY]

Starts Postgres, nats-server, identity, api-key, client-registry, audit, the gateway and the examples behind it, each as a
process of its own, and keeps them running. Ends with the address, the first administrator and three commands to paste.
Ctrl-C or SIGTERM lets running requests finish and ends everything; a second one does not wait for them.

  --admin-password HASH         bcrypt hash of the node password (PORTCULLIS_ADMIN_PASSWORD_HASH): switches role tokens on
  --token-encryption-key KEY    key of role tokens (PORTCULLIS_TOKEN_ENCRYPTION_KEY); else made once and kept

Variables (each NAME also as NAME_FILE, the path of a file that holds it):
  PORT, S3_PORT                 where the gateway listens (8080, 9000)
  PORTCULLIS_HOME               data, secrets and logs (.portcullis); one stack at a time
  DATABASE_URL, NATS_URL        servers that are there already, instead of embedded ones
  S3_UPSTREAM_URL               the S3 store behind the gateway, with S3_UPSTREAM_ACCESS_KEY_ID, …_SECRET_ACCESS_KEY and …_REGION;
                                without it a small store of files is started, for trying out
  PORTCULLIS_POLICY             the policy file (config/policy.yaml)
  PORTCULLIS_PUBLIC_URL         what callers call it (http://127.0.0.1:PORT)
  PORTCULLIS_GATEWAYS           gateway processes, the n-th on PORT+10·(n−1)
  PORTCULLIS_REPLICAS           processes of each service (1, at most 4): what one leaves undone another finishes
  PORTCULLIS_WORKERS            processes that share each gateway's port (1)
  PORTCULLIS_TLS_CERT, PORTCULLIS_TLS_KEY   PEM files: the gateway then speaks https only
  PORTCULLIS_FIRST_ADMIN_EMAIL, PORTCULLIS_FIRST_ADMIN_PASSWORD   first start only; else a password is made and shown once
  PORTCULLIS_READY_FILE         a path (or the number of an open descriptor) that gets {"url","admin_email","pid"} when ready

Examples:
  portcullis up
  PORT=8081 S3_PORT=9001 PORTCULLIS_HOME=/srv/second portcullis up
  DATABASE_URL=postgres://me:secret@db/portcullis NATS_URL=nats://bus:4222 portcullis up`,

  async run(args, env) {
    const { values } = parseArgs({
      args: [...args],
      options: { 'admin-password': { type: 'string' }, 'token-encryption-key': { type: 'string' } },
    });
    return runStack({
      ...env,
      ...(values['admin-password']
        ? { PORTCULLIS_ADMIN_PASSWORD_HASH: values['admin-password'], PORTCULLIS_ADMIN_PASSWORD_HASH_FILE: undefined }
        : {}),
      ...(values['token-encryption-key']
        ? {
            PORTCULLIS_TOKEN_ENCRYPTION_KEY: values['token-encryption-key'],
            PORTCULLIS_TOKEN_ENCRYPTION_KEY_FILE: undefined,
          }
        : {}),
    });
  },
};

async function runStack(env: Environment): Promise<number> {
  const settings = readUpSettings(env, checkout);
  const began = performance.now();
  // The terminal may be gone before the stack is: then there is nobody to tell, which is no reason to stop in the middle.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  for (const name of unknownVariables(env))
    say(`${name} is set, but no part of Portcullis reads it: is it spelt right?`);

  let end!: (why: { code: number; line?: string }) => void;
  const ended = new Promise<{ code: number; line?: string }>((resolve) => (end = resolve));
  const stack = new Stack({ settings, env, checkout, say, onFatal: (line) => end({ code: exit.refused, line }) });
  const forget = onStopSignals(
    () => end({ code: exit.ok, line: 'Stopping: running requests may finish. Once more to end them.' }),
    () => {
      say('Ending at once.');
      stack.hurry();
    },
  );
  const alive = setInterval(() => undefined, 60_000); // children and servers are detached: they hold nothing open
  clearReadyFile(settings.PORTCULLIS_READY_FILE);

  const started = (async () => {
    await stack.start();
    const newPassword = await stack.takeNewPassword();
    const facts = { url: settings.publicUrl, email: settings.PORTCULLIS_FIRST_ADMIN_EMAIL, home: stack.home };
    const examplePath = settings.shippedPolicy ? '/v1/counterparties' : '/v1/whoami';
    const exampleStore = wantsExampleStore(env);
    process.stdout.write(closingWords({ ...facts, newPassword, examplePath, exampleStore }));
    say(`(ready after ${((performance.now() - began) / 1000).toFixed(1)} s)`);
    tellReady(settings.PORTCULLIS_READY_FILE, { url: facts.url, admin_email: facts.email, pid: process.pid });
  })();
  started.catch((error: unknown) => {
    const known =
      error instanceof Error &&
      (error instanceof Refused || error.name === 'EmbeddedFault' || error.name === 'ConfigFault');
    const line = known ? error.message : `Unexpected: ${error instanceof Error ? error.stack : String(error)}`;
    end({ code: error instanceof Refused ? error.exitCode : exit.refused, line });
  });

  const { code, line } = await ended;
  if (line) say(line);
  await stack.stop();
  await started.catch(() => undefined);
  await stack.stop();
  clearReadyFile(settings.PORTCULLIS_READY_FILE);
  clearInterval(alive);
  forget();
  if (code === exit.ok) say('Stopped.');
  return code;
}

/**
 * `first` at the first SIGINT, SIGTERM or SIGHUP, `again` at a later one. What comes within a second is the same one: at
 * Ctrl-C both the terminal and npm send it.
 */
function onStopSignals(first: () => void, again: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let since: number | null = null;
  const heard = () => {
    if (since === null) {
      since = performance.now();
      first();
    } else if (performance.now() - since > 1_000) again();
  };
  for (const signal of signals) process.on(signal, heard);
  return () => signals.forEach((signal) => process.off(signal, heard));
}

function tellReady(where: string | undefined, facts: { url: string; admin_email: string; pid: number }): void {
  if (!where) return;
  const text = `${JSON.stringify(facts)}\n`;
  if (/^\d+$/.test(where)) {
    writeSync(Number(where), text);
    return;
  }
  writeFileSync(`${where}.new`, text);
  renameSync(`${where}.new`, where);
}

function clearReadyFile(where: string | undefined): void {
  if (where && !/^\d+$/.test(where)) rmSync(where, { force: true });
}
