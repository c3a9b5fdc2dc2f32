// A small S3 store on files, to try Portcullis out. It is no place for data that matters: see README.md.
//
//   OBJECT_STORE_DIRECTORY=data OBJECT_STORE_ACCESS_KEY_ID=… OBJECT_STORE_SECRET_ACCESS_KEY=… node examples/object-store/server.mjs
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { receiveBody } from './body.mjs';
import { S3Fault } from './faults.mjs';
import { operationOf } from './operations.mjs';
import { verifySignature } from './signature.mjs';
import { Storage } from './storage.mjs';
import { readTarget } from './target.mjs';
import { errorDocument } from './xml.mjs';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const settings = readSettings(process.env);
const storage = await Storage.open(settings.directory);

const server = createServer({ requestTimeout: 0, keepAliveTimeout: 30_000 }, (...both) => answer(...both, false));
// Whoever waits to be asked for the body gets an answer first if there is nothing to send it for.
server.on('checkContinue', (...both) => answer(...both, true));
server.setTimeout(120_000); // of silence: a large upload may take as long as it moves

async function answer(request, response, waits) {
  const requestId = randomUUID();
  response.setHeader('x-amz-request-id', requestId);
  let asked = waits;
  const goAhead = () => {
    if (asked) response.writeContinue();
    asked = false;
  };
  try {
    const given = await handle(request, goAhead);
    // The body that was announced does not come; and a store that stops takes no further request from anybody.
    if (asked || !server.listening) response.setHeader('connection', 'close');
    response.writeHead(given.status, { ...given.headers, ...lengthOf(given, request.method) });
    if (given.stream && request.method !== 'HEAD') await pipeline(given.stream(), response);
    else response.end(request.method === 'HEAD' ? undefined : given.body);
  } catch (error) {
    if (response.headersSent || response.destroyed || request.errored) return response.destroy();
    if (!(error instanceof S3Fault)) say({ level: 'error', message: `${request.method}: ${error.stack}` });
    const fault = error instanceof S3Fault ? error : new S3Fault('InternalError');
    if (asked || !server.listening) response.setHeader('connection', 'close');
    const resource = request.url.split('?')[0];
    const body = request.method === 'HEAD' ? '' : errorDocument(fault, { resource, requestId });
    response.writeHead(fault.status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  } finally {
    request.resume(); // what is left of the body belongs to nobody
  }
}

async function handle(request, goAhead) {
  const now = Date.now();
  const target = readTarget(request.url);
  const payload = await verifySignature(request, target, settings, now);
  // Presigned URLs carry x-amz-* headers in the query, where they were signed too.
  const inQuery = Object.entries(target.query).filter(([name]) => name.startsWith('x-amz-'));
  const headers = { ...Object.fromEntries(inQuery), ...request.headers };
  const exchange = { ...target, request, method: request.method, headers, payload, storage, now, goAhead };
  exchange.region = settings.region;
  const operation = operationOf(exchange);
  if (['GET', 'HEAD', 'DELETE'].includes(request.method)) await receiveBody(exchange, () => undefined, 0); // none, as signed
  return operation(exchange);
}

function lengthOf({ status, headers, body = '' }, method) {
  if (status === 204 || status === 304 || headers?.['content-length'] !== undefined) return {};
  return method === 'HEAD' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

function readSettings(env) {
  const faults = [];
  const value = (name, otherwise) => {
    const file = env[`${name}_FILE`];
    if (file && env[name]) faults.push(`Set ${name} or ${name}_FILE, not both.`);
    let given = env[name];
    try {
      if (file) given = readFileSync(file, 'utf8').trimEnd();
    } catch (error) {
      faults.push(`${name}_FILE cannot be read: ${error.code}.`);
    }
    if (!given && otherwise === undefined) faults.push(`${name} must be set.`);
    return given || otherwise;
  };
  const read = {
    port: Number(value('PORT', '7003')),
    directory: value('OBJECT_STORE_DIRECTORY'),
    accessKeyId: value('OBJECT_STORE_ACCESS_KEY_ID'),
    secretAccessKey: value('OBJECT_STORE_SECRET_ACCESS_KEY'),
    region: value('OBJECT_STORE_REGION', 'us-east-1'),
  };
  if (!(Number.isInteger(read.port) && read.port >= 0 && read.port <= 65_535)) faults.push('PORT must be 0 to 65535.');
  if (faults.length === 0) return read;
  for (const message of faults) say({ level: 'error', message });
  process.exit(78);
}

// The loopback interface alone: whoever is to reach it from elsewhere comes through the gateway.
server.listen(settings.port, '127.0.0.1', () => say({ ready: 'example-object-store', port: server.address().port }));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 10_000).unref();
  });
}
