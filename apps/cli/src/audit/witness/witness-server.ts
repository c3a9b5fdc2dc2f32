import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type TrustedLog } from '@portcullis/merkle-log';
import { Refused } from '../../command.js';
import { addCheckpoint, type WitnessAnswer } from './add-checkpoint.js';
import { originHash, type Witness } from './witness.js';

/** A proof of 63 lines and a checkpoint with more signatures than any has. */
const maxBodyBytes = 64 * 1024;
const requestMilliseconds = 10_000;

/**
 * A witness over HTTP (c2sp.org/tlog-witness): POST /add-checkpoint, and GET /<SHA-256 of a log's name, hex>/checkpoint. Nobody is asked who
 * calls: what counts is the log's signature. TLS is for whoever stands before it.
 */
export function witnessServer(
  witness: Witness,
  { logs, report }: { logs: readonly TrustedLog[]; report: (line: string) => void },
): Server {
  const origins = new Map(logs.map(({ origin }) => [`/${originHash(origin)}/checkpoint`, origin]));
  const answer = async (request: IncomingMessage): Promise<WitnessAnswer> => {
    const { method = '', url = '' } = request;
    const origin = origins.get(url);
    if (origin !== undefined) {
      if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Ask for a checkpoint with GET.\n');
      const remembered = witness.remembered(origin);
      return remembered ? plain(200, remembered.note) : plain(404, 'This witness has cosigned nothing of that log.\n');
    }
    if (url !== '/add-checkpoint')
      return plain(404, 'Here are POST /add-checkpoint and the checkpoints of known logs.\n');
    if (method !== 'POST') return plain(405, 'Bring a checkpoint with POST.\n');
    const body = await bodyOf(request);
    return body === null
      ? plain(413, `A request has ${maxBodyBytes} bytes at most.\n`)
      : addCheckpoint(witness, body, report);
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, type, body } = await answer(request).catch((error: unknown): WitnessAnswer => {
      if (request.complete) report(error instanceof Refused ? error.message : String(error));
      return plain(503, 'This witness cannot cosign now.\n');
    });
    // What is left of a request that was refused is not read.
    if (status === 413) response.setHeader('Connection', 'close');
    if (status === 405) response.setHeader('Allow', request.url === '/add-checkpoint' ? 'POST' : 'GET, HEAD');
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
  };
  return createServer({ requestTimeout: requestMilliseconds }, (request, response) => {
    request.on('error', () => undefined); // it has gone, and with it whom to answer
    void serve(request, response);
  });
}

/** Null if it is longer than any can be. Rejects if it breaks off. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Else the connection would be gone with the body, and the answer with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const plain = (status: number, body: string): WitnessAnswer => ({ status, type: 'text/plain; charset=utf-8', body });
