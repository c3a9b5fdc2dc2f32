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
