// The storage behind the gateway, with its cost left out: it keeps nothing, believes every signature, and has the small object at any
// key. `…/<n>.bytes` has n bytes.
import { createServer } from 'node:http';

const small = JSON.stringify({ items: [{ id: 'cp_1', name: 'Northwind Exchange', country: 'NL' }], next_cursor: null });
const smallHeaders = { 'Content-Type': 'application/json', 'Content-Length': String(small.length) };
const piece = Buffer.alloc(256 * 1024, 'portcullis ');

createServer((request, response) => {
  const { method, url } = request;
  const bytes = Number(/\/(\d+)\.bytes(?:\?|$)/.exec(url)?.[1] ?? -1);
  if (method === 'PUT') {
    request.on('data', () => undefined);
    request.on('end', () => response.writeHead(200, { ETag: '"0"', 'Content-Length': '0' }).end());
    return;
  }
  request.resume();
  // No bucket is here before it is made: the gateway asks.
  if (method === 'HEAD') return void response.writeHead(404).end();
  if (bytes < 0) return void response.writeHead(200, smallHeaders).end(small);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': String(bytes) });
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const next = left < piece.length ? piece.subarray(0, left) : piece;
      left -= next.length;
      if (!response.write(next)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
