import { jest } from '@jest/globals';
import { main } from '../src/main.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command in this process, with an environment of its own, and answers what it wrote. One at a time. */
export async function runCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  { isTerminal = false } = {},
): Promise<Ran> {
  let [out, err] = ['', ''];
  const outSpy = jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
  const errSpy = jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true));
  const before = process.stdout.isTTY;
  process.stdout.isTTY = isTerminal;
  try {
    return { code: await main(argv, env), out, err };
  } finally {
    process.stdout.isTTY = before;
    outSpy.mockRestore();
    errSpy.mockRestore();
  }
}
