import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Readable, type Transform } from 'node:stream';
import { S3Fault } from '@portcullis/credentials';
import { type Hold } from '../proxy/exchange.js';
import { errorInAnswer, type Rewriting, upstreamError } from './answers.js';
import { errorDocument } from './error-document.js';
import { clientResponseHeaders } from './headers.js';
import { type S3Operation } from './operations.js';
import { type S3UpstreamReply } from './upstream.js';
import { type S3AnswerBody, type S3UpstreamAnswer } from './upstream-answer.js';
import { XmlFault } from './xml.js';

/** An S3 request and its answer, while both are under way. */
export interface S3Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly operation: S3Operation;
  readonly requestId: string;
  /** `/bucket/key`, for errors. */
  readonly resource: string;
  readonly region: string;
  readonly hasKey: boolean;
  /** What every answer says, name, value, name, value. */
  readonly answerHeaders: readonly string[];
}

/** Ties a body to the decision on its request. */
export interface BodyTie {
  /** See `Judge.attach`. */
  readonly attach: (close: () => void) => Hold | undefined;
  /** The body may come now. */
  readonly proceed: () => void;
}

const notAdmitted = (): S3Fault =>
  new S3Fault('ServiceUnavailable', 'not_admitted', 'This may not go on now. Try again shortly.');

/**
 * The body of a request as the upstream may have it: what `decoder` lets through, at the upstream's pace, tied to the decision on the
 * request. When that is over, everything ends at once. The request itself stays readable: its answer has to go out.
 */
export function tiedBody(
  request: IncomingMessage,
  decoder: Transform,
  { attach, proceed }: BodyTie,
  cut: () => void,
): Readable {
  const hold = attach(cut);
  if (!hold) throw notAdmitted();
  proceed();
  const onData = (chunk: Buffer): void => {
    if (!hold.admits()) return cut();
    if (!decoder.write(chunk)) request.pause();
  };
  const onDrain = (): void => void request.resume();
  // The framing's own end may come long after the last byte.
  const onEnd = (): void => (hold.admits() ? void decoder.end() : cut());
  const onClose = (): void => {
    if (!request.complete)
      decoder.destroy(new S3Fault('IncompleteBody', 'client_gone', 'The body ended before its announced length.'));
  };
  request.on('data', onData).on('end', onEnd).on('close', onClose);
  decoder.on('drain', onDrain);
  decoder.once('close', () => {
    hold.release();
    request.off('data', onData).off('end', onEnd).off('close', onClose);
    // Whoever answers reads on what is left, or closes.
    request.resume();
  });
  // Undici takes errors over once it has the body; before that there must be somebody.
  decoder.on('error', () => undefined);
  return decoder;
}

/**
 * Reads a body that has to be checked before anything is done. Whoever sends it takes their time: what was decided before must still
 * hold when it has come. Throws what the decoder finds wrong, and `EntityTooLarge`.
 */
export async function wholeBody(
  request: IncomingMessage,
  decoder: Transform,
  { attach, proceed }: BodyTie,
  maxBytes: number,
): Promise<Buffer> {
  const hold = attach(() => decoder.destroy(notAdmitted()));
  if (!hold) throw notAdmitted();
  try {
    proceed();
    const bytes = await readWhole(request, decoder, maxBytes);
    if (!hold.admits()) throw notAdmitted();
    return bytes;
  } finally {
    hold.release();
  }
}

function readWhole(request: IncomingMessage, decoder: Transform, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(
      () => decoder.destroy(new S3Fault('InvalidRequest', 'slow_body', 'The body took too long to arrive.')),
      bodyMilliseconds,
    );
    decoder.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size > maxBytes) decoder.destroy(tooLarge(maxBytes));
      else pieces.push(piece);
    });
    decoder.once('end', () => resolve(Buffer.concat(pieces)));
    decoder.once('error', reject);
    decoder.once('close', () => {
      clearTimeout(timer);
      request.unpipe(decoder);
      request.resume();
      reject(new S3Fault('IncompleteBody', 'client_gone', 'The body ended before its announced length.'));
    });
    request.once('close', () => {
      if (!request.complete) decoder.destroy();
    });
    request.pipe(decoder);
  });
}

const bodyMilliseconds = 30_000;

export const tooLarge = (maxBytes: number): S3Fault =>
  new S3Fault('EntityTooLarge', 'too_large', `The body of this operation is at most ${maxBytes} bytes.`);

/** Headers that every answer of the door has. */
export function ownHeaders({ requestId, answerHeaders }: Pick<S3Exchange, 'requestId' | 'answerHeaders'>): string[] {
  return [
    'x-amz-request-id',
    requestId,
    'X-Request-Id',
    requestId,
    'X-Content-Type-Options',
    'nosniff',
    ...answerHeaders,
  ];
}

/** Writes an upstream's answer to the client, less what is the upstream's own. Throws `S3Fault` as long as nothing was written. */
export async function relay(
  exchange: S3Exchange,
  answer: S3UpstreamAnswer,
  rewrite: ((body: Buffer, about: Rewriting) => string) | undefined,
  about: Rewriting,
): Promise<void> {
  const { response, operation, region } = exchange;
  const { status, headers, body } = answer;
  if (status >= 300 && status !== 304)
    return relayError(exchange, { ...answer, body: await body.whole(maxErrorBytes) });
  const head = [
    ...ownHeaders(exchange),
    ...clientResponseHeaders(headers, { status, region, isHeadBucket: operation.name === 'HeadBucket' }),
  ];
  if (status === 200 && rewrite) return relayRewritten(exchange, { head, body }, rewrite, about);
  response.writeHead(status, head);
  if (operation.name.startsWith('Head') || status === 204 || status === 304) {
    // Undici waits in vain for the body that a 304 may announce.
    body.discard();
    response.end();
    return;
  }
  await body.writeTo(response);
}

const maxErrorBytes = 65_536;
/** A list of a thousand objects with long keys is below this. */
const maxDocumentBytes = 16_777_216;

/** An answer of the upstream that is an error, in our document. Throws `S3Fault` where the fault is the gateway's own. */
export function relayError(exchange: S3Exchange, { status, headers, body }: S3UpstreamReply): void {
  const { response, requestId, resource, hasKey, operation, region } = exchange;
  const found = upstreamError(status, body, { hasKey });
  if (found instanceof S3Fault) throw found;
  // Of a HEAD, and of a version that is a deletion, the headers are all that is said.
  const passing = clientResponseHeaders(headers, { status, region, isHeadBucket: false });
  const kept = pairs(passing).filter(
    ([name]) => name.startsWith('x-amz-') || name === 'last-modified' || name === 'etag',
  );
  const head = [...ownHeaders(exchange), ...kept.flat()];
  if (status === 503) head.push('Retry-After', '1');
  if (operation.name.startsWith('Head')) {
    response.writeHead(status, head).end();
    return;
  }
  const text = errorDocument(found, { resource, requestId }, found.more);
  response.writeHead(status, [
    ...head,
    'Content-Type',
    'application/xml',
    'Content-Length',
    String(Buffer.byteLength(text)),
  ]);
  response.end(text);
}

function pairs(list: readonly string[]): [string, string][] {
  return list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1] ?? ''] as [string, string]] : []));
}

/**
 * A document that is rewritten is read whole. Meanwhile the upstream may send blanks, for minutes, so that nobody gives up waiting:
 * they are passed on.
 */
async function relayRewritten(
  exchange: S3Exchange,
  { head, body }: { readonly head: string[]; readonly body: S3AnswerBody },
  rewrite: (body: Buffer, about: Rewriting) => string,
  about: Rewriting,
): Promise<void> {
  const { response, requestId, resource } = exchange;
  const framed = pairs(head)
    .filter(([name]) => !['content-length', 'content-type'].includes(name))
    .flat();
  framed.push('Content-Type', 'application/xml');
  const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';
  let began = false;
  const whole = await body.whole(maxDocumentBytes, (piece) => {
    if (!/^\s+$/.test(piece.toString('latin1'))) return;
    if (!began) response.writeHead(200, framed).write(declaration);
    began = true;
    response.write(' ');
  });
  const isError = errorInAnswer(whole);
  const found = isError ? upstreamError(500, whole, { hasKey: true }) : undefined;
  if (found instanceof S3Fault && !began) throw found;
  const text = found
    ? errorDocument(found, { resource, requestId }, found instanceof S3Fault ? [] : found.more)
    : rewritten(whole, rewrite, about);
  if (began) {
    response.end(text.slice(declaration.length));
    return;
  }
  response.writeHead(isError ? 500 : 200, [...framed, 'Content-Length', String(Buffer.byteLength(text))]).end(text);
}

function rewritten(body: Buffer, rewrite: (body: Buffer, about: Rewriting) => string, about: Rewriting): string {
  try {
    return rewrite(body, about);
  } catch (error) {
    if (!(error instanceof XmlFault)) throw error;
    throw new S3Fault(
      'InternalError',
      'upstream_answer',
      'The storage behind the gateway answered with what is no S3.',
    );
  }
}
