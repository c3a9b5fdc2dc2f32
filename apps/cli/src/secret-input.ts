import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Refused } from './command.js';

/** All of standard input. One line end belongs to whoever wrote it there (`echo`), not to the secret. */
export async function pipedSecret(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n$/, '');
}

/**
 * One line from the terminal, not shown: the terminal's own echo is off while readline has it, and what readline would show goes
 * nowhere. Refuses if there is none.
 */
export function typedSecret(prompt = 'Password: '): Promise<string> {
  return ask(prompt, new Writable({ write: (_chunk, _encoding, done) => done() }), 'No password was given.');
}

/** One line from the terminal, shown as it is typed. */
export async function typedLine(prompt: string): Promise<string> {
  return (await ask(prompt, process.stderr, 'Nothing was given.')).trim();
}

function ask(prompt: string, output: NodeJS.WritableStream, nothing: string): Promise<string> {
  // First the interface, which turns the terminal's echo off, then the prompt: whoever answers at once is not shown either.
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  const isShown = output === process.stderr;
  if (!isShown) process.stderr.write(prompt);
  return new Promise((resolve, reject) => {
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => {
      if (!isShown) process.stderr.write('\n');
      reject(new Refused(nothing));
    });
    lines.question(isShown ? prompt : '', (line) => {
      resolve(line);
      lines.close();
    });
  });
}
