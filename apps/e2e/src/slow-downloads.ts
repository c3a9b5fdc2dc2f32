import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

export interface SlowDownloads {
  /** Of the gateway, without TLS. */
  readonly port: number;
  /** Of a `downloadServer` behind it. */
  readonly path: string;
  readonly count: number;
  /** Of each download; what `path` asks for. */
  readonly megabytes: number;
  /** Whose resident memory is summed. */
  readonly pids: readonly number[];
}

export interface MemoryUse {
  readonly beforeMegabytes: number;
  readonly peakMegabytes: number;
  readonly receivedMegabytes: number;
  readonly seconds: number;
}

const megabyte = 1_048_576;
const pauseMilliseconds = 20;
const sampleMilliseconds = 100;

/**
 * Downloads slowly through a gateway, many at a time: first nobody reads until all that can be buffered is buffered, then everybody
 * reads a little and pauses, to the end. Answers what the gateway's memory was before and at most.
 */
export async function slowDownloads({ port, path, count, megabytes, pids }: SlowDownloads): Promise<MemoryUse> {
  const startedMs = performance.now();
  const beforeMegabytes = residentMegabytes(pids);
  let peakMegabytes = beforeMegabytes;
  const sampler = setInterval(() => {
    peakMegabytes = Math.max(peakMegabytes, residentMegabytes(pids));
  }, sampleMilliseconds);
  const sockets = await Promise.all(Array.from({ length: count }, () => request(port, path)));
  await untilStill(() => residentMegabytes(pids));
  const received = await Promise.all(sockets.map(readSlowly));
  clearInterval(sampler);
  const receivedMegabytes = received.reduce((sum, bytes) => sum + bytes, 0) / megabyte;
  if (receivedMegabytes < count * megabytes) throw new Error(`only ${receivedMegabytes} MB arrived`);
  const seconds = (performance.now() - startedMs) / 1000;
  return { beforeMegabytes, peakMegabytes, receivedMegabytes, seconds };
}

/** Answers `…?megabytes=n` with so many, as fast as they are taken. */
export function downloadServer(): Server {
  const chunk = Buffer.alloc(65_536, 'portcullis');
  return createServer((asked, response) => {
    let left = Number(/megabytes=(\d+)/.exec(asked.url ?? '')?.[1] ?? 1) * megabyte;
    const more = (): void => {
      while (left > 0 && !response.destroyed) {
        left -= chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
}

async function request(port: number, path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  return socket;
}

/** A chunk, a pause, a chunk. */
async function readSlowly(socket: Socket): Promise<number> {
  let bytes = 0;
  for await (const chunk of socket) {
    bytes += (chunk as Buffer).length;
    if (bytes % (megabyte / 2) < (chunk as Buffer).length) await wait(pauseMilliseconds);
  }
  return bytes;
}

/** Until a figure has not grown for a second: then all that will be buffered is. */
async function untilStill(figure: () => number): Promise<void> {
  let highest = figure();
  for (let still = 0; still < 10; still++) {
    await wait(sampleMilliseconds);
    const now = figure();
    if (now > highest + 1) still = 0;
    highest = Math.max(highest, now);
  }
}

/** What these processes hold in memory, in MB. */
function residentMegabytes(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]));
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024;
}
