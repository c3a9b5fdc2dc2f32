import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NoteError, noteVerifier, type TrustedLog } from '@portcullis/merkle-log';
import { type Command, type Environment, exit, Refused, UsageFault } from '../../command.js';
import { gatewayAddress } from '../../remote/address.js';
import { environmentToken } from '../../remote/gateway.js';
import { secondsOf } from '../../remote/remote-command.js';
import { writeWhole } from '../../whole-file.js';
import { readLogKeys } from '../kept-checkpoints.js';
import { followLog, LogRefused } from './follow-log.js';
import { TiledLog } from './tiled-log.js';
import { WitnessFile, WitnessFileFault } from './witness-file.js';
import { witnessServer } from './witness-server.js';
import { Witness } from './witness.js';

const options = {
  state: { type: 'string' },
  name: { type: 'string' },
  log: { type: 'string' },
  'log-key': { type: 'string', multiple: true },
  'log-keys': { type: 'string', multiple: true },
  every: { type: 'string' },
  once: { type: 'boolean' },
  out: { type: 'string' },
  listen: { type: 'string' },
  'insecure-http': { type: 'boolean' },
} as const;
type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

export const witness: Command = {
  summary:
    'Cosigns checkpoints of a log for as long as it only grows, and refuses a fork; for another machine than the log’s',
  help: `portcullis audit witness init --state FILE --name NAME
portcullis audit witness key --state FILE
portcullis audit witness run --state FILE --log URL (--log-key VKEY... | --log-keys FILE) [--every 60s | --once] [--out FILE]
portcullis audit witness serve --state FILE (--log-key VKEY... | --log-keys FILE...) [--listen 127.0.0.1:8070]

init makes an Ed25519 key and prints its verifier key, for whoever is to believe this witness: \`portcullis audit verify --witness VKEY\`. FILE
(mode 0600) holds the key and the newest checkpoint that it cosigned. Both belong together: put no backup of FILE back, make another witness.
key prints the verifier key again.

run fetches the newest checkpoint of a log (c2sp.org/tlog-tiles), checks the log's signature, makes the proof from the log's tiles that it
begins with the one before, remembers it on the disk, and then writes it out with its cosignature (c2sp.org/tlog-cosignature): to standard
output, or into --out FILE, whole or not at all. A log that forked or went back is refused: exit 1, both checkpoints are kept in FILE.refused.
What may pass, such as a network that is away, is said on standard error and tried again; with --once it is exit 1.

serve waits for logs to bring their checkpoints (c2sp.org/tlog-witness): POST /add-checkpoint, and GET /<origin hash>/checkpoint.

  --log URL         the log's prefix: https://gate.example.com/v1/audit/log
  --log-key VKEY    a verifier key of the log, from a place that you trust; after a key was followed by another, both
  --log-keys FILE   the same as a file: GET /v1/audit/log-keys, or verifier keys one a line
  --name NAME       of the witness, a URL without its scheme: witness.example/w1
  --insecure-http   clear text to another machine, which is refused otherwise
PORTCULLIS_TOKEN (or PORTCULLIS_TOKEN_FILE) is sent to the log: a key with audit:view. It is not sent if it is not set.

Example:
  portcullis audit witness init --state witness.json --name witness.example/w1
  PORTCULLIS_TOKEN_FILE=token portcullis audit witness run --state witness.json --log https://gate.example.com/v1/audit/log --log-keys kept/log-keys.json --out cosigned`,
  async run(args, env) {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
    const [verb, ...more] = positionals;
    const work = verb !== undefined && more.length === 0 && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (!work) throw new UsageFault('Say what: init, key, run or serve.');
    return work(values, env);
  },
};

const now = (): Date => new Date();
const report = (line: string): void => void process.stderr.write(`${now().toISOString()} ${line}\n`);

const verbs: Readonly<Record<string, (values: Values, env: Environment) => number | Promise<number>>> = {
  init(values) {
    const { signer } = WitnessFile.make(needed(values, 'state'), needed(values, 'name'), now);
    process.stdout.write(`${signer.verifierKey}\n`);
    return exit.ok;
  },

  key(values) {
    process.stdout.write(`${WitnessFile.open(needed(values, 'state'), now).signer.verifierKey}\n`);
    return exit.ok;
  },

  async run(values, env) {
    const [trusted, ...others] = logsOf(values);
    if (!trusted || others.length > 0) throw new UsageFault('run follows one log: its keys have one name.');
    const log = new TiledLog(
      gatewayAddress(needed(values, 'log'), values['insecure-http'] === true),
      environmentToken(env),
    );
    if (values.once === true && values.every !== undefined) throw new UsageFault('--every or --once, not both.');
    const everySeconds = secondsOf(values.every ?? '60s');
    if (!(everySeconds >= 1)) throw new UsageFault('--every is a time: 30s, 15m, 24h.');
    const its = new Witness(WitnessFile.open(needed(values, 'state'), now), [trusted]);
    if (values.once === true) {
      give(await followLog(its, log, trusted), values.out);
      return exit.ok;
    }
    const stop = untilTold();
    while (!stop.aborted) {
      try {
        give(await followLog(its, log, trusted), values.out);
      } catch (error) {
        const mayPass = error instanceof Refused && !(error instanceof LogRefused || error instanceof WitnessFileFault);
        if (!mayPass) throw error;
        report(error.message);
      }
      await delay(everySeconds * 1_000, undefined, { signal: stop }).catch(() => undefined);
    }
    return exit.ok;
  },

  async serve(values) {
    const logs = logsOf(values);
    const [, host, port] = /^(.+):(\d{1,5})$/.exec(values.listen ?? '127.0.0.1:8070') ?? [];
    if (host === undefined || Number(port) > 65_535) throw new UsageFault('--listen is an address: 127.0.0.1:8070.');
    const its = new Witness(WitnessFile.open(needed(values, 'state'), now), logs);
    const server = witnessServer(its, { logs, report });
    const stop = untilTold();
    server.listen(Number(port), host.replace(/^\[(.*)\]$/, '$1'));
    await once(server, 'listening').catch((error: unknown) => {
      throw new Refused(`${host}:${port} cannot be listened at (${(error as NodeJS.ErrnoException).code}).`);
    });
    const address = server.address();
    const at = typeof address === 'object' && address ? address.port : port;
    process.stdout.write(`Listening at http://${host}:${at} for ${logs.map(({ origin }) => origin).join(', ')}\n`);
    if (!stop.aborted) await once(stop, 'abort');
    server.close();
    server.closeIdleConnections();
    await once(server, 'close');
    return exit.ok;
  },
};

/** On the disk before this returns; on standard output as it is. */
function give(note: string, out: string | undefined): void {
  if (out === undefined) process.stdout.write(note);
  else {
    try {
      writeWhole(out, note, 0o644);
    } catch (error) {
      throw new Refused(`${out} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
    }
  }
}

/** The logs that keys were given of, by the name that the keys have. */
function logsOf(values: Values): TrustedLog[] {
  const given = values['log-key'] ?? [];
  const files = (values['log-keys'] ?? []).map((file) => readLogKeys(file));
  if (given.length + files.length === 0)
    throw new UsageFault('Say whose checkpoints: --log-key VKEY or --log-keys FILE.');
  const logs = new Map<string, TrustedLog>();
  try {
    for (const { origin, keys } of [...files, ...given.map((text) => logOf(text))])
      logs.set(origin, { origin, keys: [...(logs.get(origin)?.keys ?? []), ...keys] });
  } catch (error) {
    if (error instanceof NoteError) throw new UsageFault(`--log-key: ${error.message}.`);
    throw error;
  }
  return [...logs.values()];
}

function logOf(verifierKey: string): TrustedLog {
  const key = noteVerifier(verifierKey);
  return { origin: key.name, keys: [key] };
}

function needed(values: Values, option: 'state' | 'name' | 'log'): string {
  const value = values[option];
  if (value === undefined || value === '') throw new UsageFault(`--${option} is missing.`);
  return value;
}

/** Aborted by the first SIGINT or SIGTERM; the second ends the process as it always would. */
function untilTold(): AbortSignal {
  const told = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => told.abort());
  return told.signal;
}
