import { type z } from 'zod';
import { ConfigFault, readSettings, type Environment } from './read-settings.js';

/** The exit code of a configuration fault: EX_CONFIG of sysexits(3). Supervisors do not restart a process that used it. */
const exitConfiguration = 78;

/** `readSettings` for a process that cannot go on without: prints every fault to stderr and exits 78. */
export function settingsOrExit<S extends z.ZodObject>(shape: S, env: Environment = process.env): z.output<S> {
  try {
    return readSettings(shape, env);
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(exitConfiguration);
  }
}

/** Values for the `${NAME}` of a policy: every variable of the environment that starts with `PORTCULLIS_VARIABLE_`, without that start. */
export function policyVariables(env: Environment = process.env): Record<string, string> {
  const start = 'PORTCULLIS_VARIABLE_';
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      name.startsWith(start) && value !== undefined ? [[name.slice(start.length), value]] : [],
    ),
  );
}

/** For faults of configuration that only show once the process looks at its files: prints the message and exits 78. */
export function exitMisconfigured(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(exitConfiguration);
}
