// A load generator in a process of its own: keep-alive connections, one request at a time on each, no pipelining.
// It reads Content-Length framing only, which is all that the measured servers answer with, and counts nothing that
// is not the expected status. Parent: `Load` in programs.mjs.
import { connect } from 'node:net';

let ended = false;

process.on('message', async (job) => {
  ended = job.end === true;
  if (ended) return;
  try {
    process.send(await run(job));
  } catch (error) {
    process.send({ failed: String(error.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit());

/**
 * @param job.requests whole requests as text, sent in turn; with `once` each is sent once and that ends the run
 * @param job.perSecond at most so many over all connections, at even distances; without it as many as there is time for
 * @returns `requests` answered, `seconds`, and latencies in ms; with `once` each of them, as `times`
 */
async function run({ port, requests, connections, milliseconds, status, once, perSecond }) {
  const latencies = [];
  const started = performance.now();
  let next = 0;
  const take = () => {
    if (ended) return undefined;
    if (once ? next >= requests.length : performance.now() - started >= milliseconds) return undefined;
    return Buffer.from(requests[next++ % requests.length], 'latin1');
  };
  // By when a request that was taken may go: the n-th after n steps.
  const waitMilliseconds = () => (perSecond ? started + (next * 1000) / perSecond - performance.now() : 0);
  await Promise.all(Array.from({ length: connections }, () => drive(port, take, waitMilliseconds, status, latencies)));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? 0;
  const times = once ? latencies : undefined;
  return { requests: latencies.length, seconds, p50: at(0.5), p99: at(0.99), max: at(1), times };
}

function drive(port, take, waitMilliseconds, status, latencies) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    let wanted = -1;
    let sentAt = 0;
    const send = () => {
      const request = take();
      if (!request) return socket.end(() => resolve());
      const write = () => {
        sentAt = performance.now();
        socket.write(request);
      };
      const wait = waitMilliseconds();
      if (wait > 0) setTimeout(write, wait);
      else write();
    };
    socket.setEncoding('latin1');
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection')));
    socket.on('data', (text) => {
      received = received === '' ? text : received + text;
      if (wanted < 0) {
        const end = received.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = /\r\ncontent-length: *(\d+)/i.exec(received);
        if (!length || Number(received.slice(9, 12)) !== status) {
          return socket.destroy(new Error(`expected ${status} with a length: ${received.slice(0, 600)}`));
        }
        wanted = end + 4 + Number(length[1]);
      }
      if (received.length < wanted) return;
      received = '';
      wanted = -1;
      latencies.push(performance.now() - sentAt);
      send();
    });
  });
}
