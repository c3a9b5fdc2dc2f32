import { readFileSync } from 'node:fs';
import { type z } from 'zod';

/** Where settings come from: `process.env`, or a plain object in a spec. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that is wrong with a configuration, one line a fault. No line ever holds a value. */
export class ConfigFault extends Error {
  constructor(readonly lines: readonly string[]) {
    super(`The configuration has ${lines.length === 1 ? 'a fault' : `${lines.length} faults`}:\n${lines.join('\n')}`);
    this.name = 'ConfigFault';
  }
}

/**
 * Reads the variables that `shape` names and returns what it parses them to.
 *
 * Every variable `NAME` may instead be given as `NAME_FILE`, the path of a file that holds the value (one trailing
 * newline is dropped). An empty value counts as not set, so that `NAME=${NAME:-}` in a compose file means what it looks
 * like. A field's `.describe()` text is shown when it is missing or wrong: write it as advice.
 *
 * Throws `ConfigFault` with all faults at once. Values are never repeated, not even of `NAME_FILE`: people paste secrets there.
 */
export function readSettings<S extends z.ZodObject>(shape: S, env: Environment): z.output<S> {
  const faults: string[] = [];
  const raw: Record<string, string> = {};
  const unreadable = new Set<string>();

  for (const name of Object.keys(shape.shape)) {
    const value = given(env, name);
    const fileVariable = `${name}_FILE`;
    // A shape may have a field of its own called X_FILE; then it is not the file form of X.
    const path = fileVariable in shape.shape ? undefined : given(env, fileVariable);
    if (value !== undefined && path !== undefined) {
      faults.push(`${name} and ${fileVariable} are both set: keep one of them.`);
      unreadable.add(name);
    } else if (path !== undefined) {
      const content = readSecretFile(path);
      if (typeof content === 'string') raw[name] = content;
      else {
        faults.push(`${fileVariable} names a file that ${content.problem}.`);
        unreadable.add(name);
      }
    } else if (value !== undefined) raw[name] = value;
  }

  const parsed = shape.safeParse(raw);
  if (parsed.success && faults.length === 0) return parsed.data;
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '');
    if (!unreadable.has(name)) faults.push(faultLine(shape, name, name in raw, issue.message));
  }
  throw new ConfigFault([...new Set(faults)]);
}

function given(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}

function readSecretFile(path: string): string | { problem: string } {
  try {
    const content = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    return content === '' ? { problem: 'is empty' } : content;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return { problem: 'does not exist' };
    if (code === 'EACCES') return { problem: 'this user may not read' };
    return { problem: `cannot be read (${code ?? 'unknown reason'})` };
  }
}

function faultLine(shape: z.ZodObject, name: string, isSet: boolean, message: string): string {
  if (name === '') return sentence(message); // a rule over several fields
  const advice = (shape.shape as Record<string, z.ZodType | undefined>)[name]?.description;
  const explained = advice ? ` ${sentence(advice)}` : '';
  if (!isSet) return `${name} is not set.${explained} Set it, or ${name}_FILE to the path of a file that holds it.`;
  return `${name}: ${sentence(message)}${explained}`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
