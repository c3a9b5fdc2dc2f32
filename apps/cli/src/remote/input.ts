import { readFileSync } from 'node:fs';
import { Refused, UsageFault } from '../command.js';

interface Wanted {
  readonly maxBytes: number;
  /** As a sentence begins: `The list of keys`. */
  readonly what: string;
}

/** A file's text, or all of standard input for `-`. Refuses more than `maxBytes`, and a terminal that nobody was told to type at. */
export async function textOf(path: string, { maxBytes, what }: Wanted): Promise<string> {
  const bytes = await bytesOf(path, what);
  if (bytes.length > maxBytes) throw new Refused(`${what} is larger than ${maxBytes} bytes: cut it into parts.`);
  return bytes.toString();
}

/** The same as bytes, however many. */
export function bytesOf(path: string, what: string): Promise<Buffer> {
  return path === '-' ? piped(what) : Promise.resolve(read(path));
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
