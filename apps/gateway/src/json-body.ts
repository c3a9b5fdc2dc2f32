import { type IncomingMessage } from 'node:http';
import { Refusal } from '@portcullis/contracts';
import { type ContentDigest, parseStrictJson, StrictJsonError } from '@portcullis/credentials';
import { headerValues } from './header-values.js';

/** The largest body of a control route, in bytes. */
export const maxBodyBytes = 1_048_576;
/** How long a body may take to arrive. */
const maxBodyMilliseconds = 30_000;
/** How much of a field's name an answer repeats. */
const longestField = 100;

export interface ReadBody {
  maxBytes?: number;
  /** Takes JSON without a content type too, and under the one that curl sends unless it is told another. */
  anyForm?: boolean;
  /** What a signed request says of its body. */
  contentDigest?: ContentDigest | null | undefined;
  /** Called once the headers are found acceptable and just before the body is read: sends `100 Continue` where it was asked for. */
  proceed?: () => void;
}

/**
 * Reads the JSON object in the body of a control request; no body is an empty object.
 *
 * Refuses, with a code of its own: a content type other than `application/json` in UTF-8, or none beside a body
 * (`unsupported_media_type`; guessing would make form posts from foreign pages work); any content encoding; more bytes than `maxBytes`,
 * announced or counted (`too_large`); another digest than was signed (`invalid_signature`); what `parseStrictJson` refuses, and any JSON but an object (`invalid_request`, naming the place).
 * After a refusal the rest of the body is still on its way: the connection is the caller's to drain.
 */
export async function readJsonBody(request: IncomingMessage, options: ReadBody = {}): Promise<Record<string, unknown>> {
  const maxBytes = options.maxBytes ?? maxBodyBytes;
  if (!hasBody(request)) return {};
  demandPlainFraming(request);
  demandJson(request, options.anyForm ?? false);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  options.proceed?.();
  const bytes = await readBytes(request, maxBytes);
  if (options.contentDigest && !options.contentDigest.checker().update(bytes).matches()) {
    throw new Refusal('invalid_signature', 'The signature is not valid.');
  }
  return bytes.length === 0 ? {} : parseObject(bytes);
}

/** Whether the request's framing announces a body. */
export function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

/** Strict JSON that is an object. */
export function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseStrictJson(bytes);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw malformed(fieldOf(error.path), error.message);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed('(body)', 'The body must be a JSON object');
  }
  return value as Record<string, unknown>;
}

const jsonType = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** Node reads the frames of `gzip, chunked` and leaves the gzip to us: a second, unchecked encoding. */
function demandPlainFraming(request: IncomingMessage): void {
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new Refusal('invalid_request', 'The only transfer coding is "chunked".');
  }
}

function demandJson(request: IncomingMessage, anyForm: boolean): void {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new Refusal('unsupported_media_type', 'The body must not have a Content-Encoding.');
  }
  // Two Content-Type lines are two readings of one body: Node would keep the first.
  const types = headerValues(request.rawHeaders, 'content-type');
  if (anyForm && (types.length === 0 || (types.length === 1 && types[0] === 'application/x-www-form-urlencoded')))
    return;
  if (types.length !== 1 || !jsonType.test(types[0] ?? '')) {
    throw new Refusal(
      'unsupported_media_type',
      'Send the body as JSON, with the header Content-Type: application/json.',
    );
  }
}

/** By events, not `for await`: leaving that loop early destroys the socket, and with it the answer. */
export function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      settle();
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) finish(() => reject(tooLarge(maxBytes)));
      else chunks.push(chunk);
    };
    const onEnd = (): void => finish(() => resolve(Buffer.concat(chunks)));
    const onClose = (): void => finish(() => reject(new Refusal('invalid_request', 'The body ended early.')));
    const late = (): void => finish(() => reject(new Refusal('invalid_request', 'The body took too long to arrive.')));
    const timer = setTimeout(late, maxBodyMilliseconds);
    request.on('data', onData).on('end', onEnd).on('close', onClose);
    request.on('error', () => undefined); // `close` follows
  });
}

/** A JSON pointer in the dotted form that schema faults use. */
function fieldOf(pointer: string): string {
  const tokens = pointer.split('/').slice(1);
  const field = tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')).join('.');
  // A name may be as long as the body, and the answer says it twice.
  return field.length > longestField ? `${field.slice(0, longestField)}…` : field || '(body)';
}

function malformed(field: string, message: string): Refusal {
  const sentence = message.replace(/ at \/.*$/s, '');
  return new Refusal('invalid_request', `${sentence}${field === '(body)' ? '' : ` (${field})`}.`, {
    errors: [{ field, message: sentence }],
  });
}

const tooLarge = (maxBytes: number): Refusal => new Refusal('too_large', `The body is larger than ${maxBytes} bytes.`);
