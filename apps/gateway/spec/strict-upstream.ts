import { createServer, type Server, type Socket } from 'node:net';

export interface Received {
  line: string;
  headers: Map<string, string[]>;
  body: string;
}

/**
 * An upstream that reads HTTP/1.1 by the letter and with a parser of its own: no lenience by which it could agree with the gateway
 * where others would not. What it cannot read stands in `faults`. It answers each request with 207.
 */
export function strictUpstream(): { server: Server; received: Received[]; faults: string[] } {
  const received: Received[] = [];
  const faults: string[] = [];
  const server = createServer((socket: Socket) => {
    let buffered = '';
    socket.on('error', () => undefined);
    socket.on('data', (part: Buffer) => {
      buffered += part.toString('latin1');
      try {
        for (;;) {
          const request = readRequest(buffered);
          if (!request) return;
          buffered = buffered.slice(request.length);
          received.push(request);
          socket.write('HTTP/1.1 207 Seen\r\nContent-Length: 4\r\n\r\nseen');
        }
      } catch (error) {
        faults.push(String(error));
        socket.destroy();
      }
    });
  });
  return { server, received, faults };
}

function readRequest(text: string): (Received & { length: number }) | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...fields] = text.slice(0, end).split('\r\n');
  demand(/^[A-Z-]+ \/[!-~]* HTTP\/1\.1$/.test(line), `the request line ${line}`);
  const headers = new Map<string, string[]>();
  for (const field of fields) {
    const [, name = '', value = ''] = /^([A-Za-z0-9!#$%&'*+.^`|~-]+): ?([\t -~\x80-\xff]*)$/.exec(field) ?? [];
    demand(name !== '', `the field ${field}`);
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
  }
  demand(headers.get('host')?.length === 1, 'Host');
  const length = headers.get('content-length');
  const coding = headers.get('transfer-encoding');
  demand(!(length && coding), 'two framings');
  demand((length?.length ?? 1) === 1 && (coding?.length ?? 1) === 1, 'a framing given twice');
  const start = end + 4;
  if (coding) {
    demand(coding[0] === 'chunked', `the coding ${coding[0]}`);
    return readChunks(text, start, { line, headers });
  }
  demand(length === undefined || /^\d+$/.test(length[0] ?? ''), `the length ${length?.[0]}`);
  const size = Number(length?.[0] ?? 0);
  if (text.length < start + size) return undefined;
  return { line, headers, body: text.slice(start, start + size), length: start + size };
}

function readChunks(text: string, start: number, head: Omit<Received, 'body'>) {
  let body = '';
  for (let at = start; ;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const size = text.slice(at, end);
    demand(/^[0-9a-fA-F]+$/.test(size), `the chunk size ${size}`);
    const bytes = parseInt(size, 16);
    if (text.length < end + 2 + bytes + 2) return undefined;
    demand(text.slice(end + 2 + bytes, end + 4 + bytes) === '\r\n', 'the end of a chunk');
    body += text.slice(end + 2, end + 2 + bytes);
    at = end + 4 + bytes;
    if (bytes === 0) return { ...head, body, length: at };
  }
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not by the letter: ${what}`);
}
