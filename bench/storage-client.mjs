// Moves one large object over one connection, in a process of its own, and as cheaply as Node can: all that is signed is signed before
// the clock starts. Parent: `transfers` in storage.mjs.
import { createHash, createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { s3SigningKey, Secret, signS3Request } from '@portcullis/credentials';
import { requestText } from './programs.mjs';

const chunkBytes = 64 * 1024;
const chunk = Buffer.alloc(chunkBytes, 'portcullis ');
const chunkSha256 = createHash('sha256').update(chunk).digest('hex');
const emptySha256 = createHash('sha256').digest('hex');
/** Chunks in one write. */
const together = 8;
const digests = new Map();

process.on('message', async (job) => {
  try {
    process.send(await (job.way === 'up' ? upload(job) : download(job)));
  } catch (error) {
    process.send({ failed: String(error.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit());
process.send('ready');

/**
 * @param job.payload 'unsigned', 'chunks' (signed, 64 KiB each) or 'digest'
 * @param job.bytes a multiple of 64 KiB
 * @returns `seconds` from the first byte to the answer
 */
function upload({ to, path, payload, bytes }) {
  const chunks = bytes / chunkBytes;
  const isChunked = payload === 'chunks';
  const words = { unsigned: 'UNSIGNED-PAYLOAD', chunks: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' };
  const frame = isChunked ? frameOf(chunkBytes) : 0;
  const length = isChunked ? chunks * (chunkBytes + frame) + frameOf(0) : bytes;
  const signed = signedHead(to, 'PUT', path, words[payload] ?? digestOf(chunks), {
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(length),
    ...(isChunked ? { 'Content-Encoding': 'aws-chunked', 'X-Amz-Decoded-Content-Length': String(bytes) } : {}),
  });
  const writes = isChunked ? chunkWrites(to, signed, chunks) : plainWrites(chunks);
  return exchange(to.port, signed.text, writes, () => true);
}

function download({ to, path, bytes }) {
  return exchange(to.port, signedHead(to, 'GET', path, emptySha256, {}).text, [], (got) => got === bytes);
}

/** Sends a request and waits for its whole answer; `whole` says whether so many bytes of body are what was wanted. */
function exchange(port, head, writes, whole) {
  return new Promise((resolve, reject) => {
    let started;
    let text = '';
    let wanted = -1;
    let got = 0;
    const take = (bytes) => {
      if (wanted >= 0) got += bytes.length;
      else {
        text += bytes.toString('latin1');
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (!text.startsWith('HTTP/1.1 200')) return socket.destroy(new Error(`expected 200: ${text.slice(0, 800)}`));
        wanted = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
        got = text.length - end - 4;
      }
      if (got < wanted) return;
      const seconds = (performance.now() - started) / 1000;
      socket.end();
      if (whole(wanted)) resolve({ seconds });
      else reject(new Error(`${wanted} bytes came`));
    };
    const onread = {
      buffer: Buffer.allocUnsafe(256 * 1024),
      callback: (count, buffer) => !take(buffer.subarray(0, count)),
    };
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed the connection')));
    socket.on('connect', () => {
      started = performance.now();
      socket.write(head, 'latin1');
      const pending = writes[Symbol.iterator]();
      const more = () => {
        for (;;) {
          const { done, value } = pending.next();
          if (done) return;
          socket.cork();
          let open = true;
          for (const piece of value) open = socket.write(piece);
          socket.uncork();
          if (!open) return void socket.once('drain', more);
        }
      };
      more();
    });
  });
}

function* plainWrites(chunks) {
  const block = Buffer.concat(Array.from({ length: together }, () => chunk));
  for (let at = 0; at < chunks; at += together)
    yield [at + together <= chunks ? block : block.subarray(0, (chunks - at) * chunkBytes)];
}

/** All signatures are made here, before anything is sent: each follows from the one before it. */
function chunkWrites({ secret, region }, { signature, timestamp }, chunks) {
  const scope = `${timestamp.slice(0, 8)}/${region}/s3/aws4_request`;
  const key = Buffer.from(s3SigningKey(Secret.of(secret), timestamp.slice(0, 8), region).reveal(), 'base64');
  const lines = [];
  let previous = signature;
  for (let at = 0; at <= chunks; at++) {
    const sha256 = at < chunks ? chunkSha256 : emptySha256;
    const text = ['AWS4-HMAC-SHA256-PAYLOAD', timestamp, scope, previous, emptySha256, sha256].join('\n');
    previous = createHmac('sha256', key).update(text).digest('hex');
    lines.push(Buffer.from(`${(at < chunks ? chunkBytes : 0).toString(16)};chunk-signature=${previous}\r\n`));
  }
  const end = Buffer.from('\r\n');
  const writes = [];
  for (let at = 0; at <= chunks; at += together) {
    const some = lines.slice(at, at + together);
    writes.push(some.flatMap((line, nth) => (at + nth < chunks ? [line, chunk, end] : [line, end])));
  }
  return writes;
}

const frameOf = (size) => size.toString(16).length + ';chunk-signature='.length + 64 + 4;

function digestOf(chunks) {
  if (!digests.has(chunks)) {
    const hash = createHash('sha256');
    for (let at = 0; at < chunks; at++) hash.update(chunk);
    digests.set(chunks, hash.digest('hex'));
  }
  return digests.get(chunks);
}

function signedHead({ port, accessKeyId, secret, region }, method, path, payloadSha256, headers) {
  const host = `127.0.0.1:${port}`;
  const signed = signS3Request({
    ...{ method, host, path, headers, payloadSha256, region, accessKeyId },
    ...{ secret: Secret.of(secret), now: new Date() },
  });
  const { host: _, ...sent } = signed.headers;
  return {
    text: requestText(port, signed.target, { method, headers: sent }),
    signature: /Signature=([0-9a-f]{64})/.exec(signed.headers.authorization)[1],
    timestamp: signed.headers['x-amz-date'],
  };
}
