import { type Readable } from 'node:stream';

/** Takes one line for a person or a log file, without its newline. */
export type Log = (line: string) => void;

/** Calls `log` for every line of `stream`, the last unfinished one included. A line longer than 16 KiB is cut there. */
export function lineReader(stream: Readable, log: Log): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(-maxLineLength);
    for (const line of lines) if (line !== '') log(line.slice(0, maxLineLength));
  });
  stream.on('end', () => {
    if (rest !== '') log(rest);
    rest = '';
  });
  // A pipe that breaks because its writer was killed is no fault of the reader.
  stream.on('error', () => undefined);
}

const maxLineLength = 16_384;
