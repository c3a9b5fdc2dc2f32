import { ConfigFault } from '@portcullis/settings';
import { EmbeddedFault } from '@portcullis/embedded';
import { exit, Refused, UsageFault, type Command, type Environment } from './command.js';

/** Every command, loaded when it is called: `--help` need not wait for a database driver. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./up/up.command.js')).up,
  provision: async () => (await import('./provision/provision.command.js')).provision,
  health: async () => (await import('./health/health.command.js')).health,
  bcrypt: async () => (await import('./bcrypt/bcrypt.command.js')).bcrypt,
  'policy check': async () => (await import('./policy/check.command.js')).policyCheck,
  'policy explain': async () => (await import('./policy/explain.command.js')).policyExplain,
};

/** Runs one command and answers the exit code: 0 ok, 1 refused, 2 usage, 78 configuration. Never throws. */
export async function main(argv: readonly string[], env: Environment = process.env): Promise<number> {
  const [name, rest] = nameOf(argv);
  const load = commands[name];
  if (!load) {
    const asked = argv.length === 0 || ['help', '--help', '-h'].includes(argv[0] ?? '');
    const text = await overview();
    if (asked) process.stdout.write(text);
    else process.stderr.write(`There is no command "${argv.slice(0, 2).join(' ')}".\n\n${text}`);
    return asked && argv.length > 0 ? exit.ok : exit.usage;
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
  return two in commands ? [two, argv.slice(2)] : [argv[0] ?? '', argv.slice(1)];
}

async function overview(): Promise<string> {
  const lines: string[] = [];
  for (const [name, load] of Object.entries(commands)) lines.push(`  ${name.padEnd(14)} ${(await load()).summary}`);
  return `portcullis <command> [options]\n\n${lines.join('\n')}\n\nportcullis <command> --help says more.\n`;
}

function explain(error: unknown, name: string): number {
  if (error instanceof ConfigFault) return fail(exit.configuration, error.message);
  if (error instanceof Refused) return fail(error.exitCode, error.message);
  if (error instanceof EmbeddedFault) return fail(exit.refused, error.message);
  if (isUsageFault(error)) return fail(exit.usage, `${error.message}\nportcullis ${name} --help shows what it takes.`);
  return fail(exit.refused, `Unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}

function isUsageFault(error: unknown): error is Error {
  if (error instanceof UsageFault) return true;
  return error instanceof Error && ((error as NodeJS.ErrnoException).code ?? '').startsWith('ERR_PARSE_ARGS_');
}

function fail(code: number, text: string): number {
  process.stderr.write(`${text}\n`);
  return code;
}
