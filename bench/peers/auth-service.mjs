// The service that nginx and Caddy ask: one key, looked up by its digest. It knows no revocation, no policy, no audit.
import { hash } from 'node:crypto';
import { createServer } from 'node:http';

const known = new Map([[process.env.KEY_SHA256, 'caller']]);
createServer((request, response) => {
  const [scheme, key = ''] = (request.headers.authorization ?? '').split(' ');
  const caller = scheme === 'Bearer' ? known.get(hash('sha256', key, 'hex')) : undefined;
  response.writeHead(caller ? 200 : 401, { 'X-Caller': caller ?? '', 'Content-Length': '0' }).end();
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
