import { readFileSync } from 'node:fs';
import { Refused, UsageFault } from '../command.js';

/** A file's text, or all of standard input for `-`. Refuses more than `maxBytes`, and a terminal that nobody was told to type at. */
export async function textOf(path: string, { maxBytes, what }: { maxBytes: number; what: string }): Promise<string> {
  const bytes = path === '-' ? await piped(what) : read(path);
  if (bytes.length > maxBytes) throw new Refused(`${what} is larger than ${maxBytes} bytes: cut it into parts.`);
  return bytes.toString();
}

async function piped(what: string): Promise<Buffer> {
  if (process.stdin.isTTY) throw new UsageFault(`${what} comes from a file or from standard input: … | portcullis …`);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Refused(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
