import { connect } from 'node:net';

/** An answer to bytes that no HTTP client would send. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
  // A story reads fields of many shapes; the contract's own schemas are checked where a shape matters.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  json: any;
  /** All that came, an interim answer such as 100 included. */
  bytes: string;
}

const patienceMilliseconds = 15_000;

/**
 * Writes `parts` one after the other to a fresh connection and reads one whole answer. Rejects if the connection ends before
 * that: a dropped connection is no answer.
 */
export function sendRaw(url: string, ...parts: (string | Buffer)[]): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let bytes = '';
    const fail = (why: string): void => {
      socket.destroy();
      reject(new Error(`${why} after ${JSON.stringify(bytes.slice(0, 500))}`));
    };
    socket.setTimeout(patienceMilliseconds, () => fail('no answer'));
    socket.on('connect', () => parts.forEach((part) => socket.write(part)));
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('the connection was dropped'));
    socket.setEncoding('latin1').on('data', (text: string) => {
      bytes += text;
      const answer = readAnswer(bytes);
      if (!answer) return;
      socket.removeAllListeners('close').destroy();
      resolve(answer);
    });
  });
}

/** The first final answer in `bytes`, once it is whole. Every answer that the gateway itself gives has a length. */
function readAnswer(bytes: string): RawAnswer | undefined {
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    rest = rest.slice(end + 4);
    const status = Number(statusLine.split(' ')[1]);
    if (status < 200) continue;
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const length = Number(headers['content-length'] ?? 0);
    if (rest.length < length) return undefined;
    const text = Buffer.from(rest.slice(0, length), 'latin1').toString();
    return { status, headers, text, json: parse(text), bytes };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
