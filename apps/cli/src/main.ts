import { ConfigFault } from '@portcullis/settings';
import { EmbeddedFault } from '@portcullis/embedded';
import { exit, Refused, UsageFault, type Command, type Environment } from './command.js';
import { remoteCommands } from './remote-commands.js';

/** Every command, loaded when it is called: `--help` need not wait for a database driver. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./up/up.command.js')).up,
  provision: async () => (await import('./provision/provision.command.js')).provision,
  health: async () => (await import('./health/health.command.js')).health,
  bcrypt: async () => (await import('./bcrypt/bcrypt.command.js')).bcrypt,
  sign: async () => (await import('./sign/sign.command.js')).sign,
  'guard credentials': async () => (await import('./guard/credentials.command.js')).credentials,
  'audit consumer': async () => (await import('./audit/consumer.command.js')).consumer,
  'audit witness': async () => (await import('./audit/witness/witness.command.js')).witness,
  'audit verify': async () => (await import('./audit/verify.command.js')).verify,
  'policy check': async () => (await import('./policy/check.command.js')).policyCheck,
  'policy explain': async () => (await import('./policy/explain.command.js')).policyExplain,
  ...remoteCommands,
};

/** Runs one command and answers the exit code: 0 ok, 1 refused, 2 usage, 78 configuration. Never throws. */
export async function main(argv: readonly string[], env: Environment = process.env): Promise<number> {
  const [name, rest] = nameOf(argv);
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) {
    const asked = ['help', '--help', '-h'];
    const group = membersOf(argv[0] ?? '').length > 0 ? argv[0] : undefined;
    const text = group === undefined ? await overview() : await overviewOf(group);
    const wanted = argv.length === 0 ? undefined : argv[group === undefined ? 0 : 1];
    if (wanted !== undefined && asked.includes(wanted)) {
      process.stdout.write(text);
      return exit.ok;
    }
    const unknown = wanted === undefined ? '' : `There is no command "${argv.slice(0, 2).join(' ')}".\n\n`;
    process.stderr.write(unknown + text);
    return exit.usage;
  }
  const command = await load();
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${command.summary}\n\n${command.help}\n`);
    return exit.ok;
  }
  try {
    return await command.run(rest, env);
  } catch (error) {
    return explain(error, name);
  }
}

function nameOf(argv: readonly string[]): [string, readonly string[]] {
  const two = argv.slice(0, 2).join(' ');
  return Object.hasOwn(commands, two) ? [two, argv.slice(2)] : [argv[0] ?? '', argv.slice(1)];
}

/** Every command with what it does; of a group, what there is. */
async function overview(): Promise<string> {
  const lines: string[] = [];
  for (const [name, load] of Object.entries(commands)) {
    const group = name.split(' ')[0] ?? '';
    const members = membersOf(group);
    if (members.length === 0) lines.push(lineOf(name, (await load()).summary));
    else if (name === members[0]) lines.push(lineOf(group, members.map((each) => each.split(' ')[1]).join(', ')));
  }
  return `portcullis <command> [options]\n\n${lines.join('\n')}\n\nportcullis <command> --help says more.\n`;
}

async function overviewOf(group: string): Promise<string> {
  const lines: string[] = [];
  for (const name of membersOf(group)) lines.push(lineOf(name, (await commands[name]?.())?.summary ?? ''));
  return `portcullis ${group} <command> [options]\n\n${lines.join('\n')}\n\nportcullis ${group} <command> --help says more.\n`;
}

/** The commands of two words whose first is this. */
function membersOf(group: string): string[] {
  return Object.keys(commands).filter((name) => name.startsWith(`${group} `));
}

const lineOf = (name: string, summary: string): string => `  ${name.padEnd(24)} ${summary}`;

function explain(error: unknown, name: string): number {
  if (error instanceof ConfigFault) return fail(exit.configuration, error.message);
  if (error instanceof Refused) return fail(error.exitCode, error.message);
  if (error instanceof EmbeddedFault) return fail(exit.refused, error.message);
  if (isUsageFault(error)) return fail(exit.usage, `${error.message}\nportcullis ${name} --help shows what it takes.`);
  return fail(exit.refused, `Unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}

function isUsageFault(error: unknown): error is Error {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return error instanceof UsageFault || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS_'));
}

function fail(code: number, text: string): number {
  process.stderr.write(`${text}\n`);
  return code;
}
