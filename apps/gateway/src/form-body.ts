import { type IncomingMessage } from 'node:http';
import { Refusal } from '@portcullis/contracts';
import { readBytes } from './json-body.js';

const maxFormBytes = 65_536;
const formType = /^application\/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/**
 * The parameters of an OAuth request (RFC 6749 section 3.2): a form in the body, each parameter once, one without a value as good as none.
 * Refuses with `invalid_request` another content type, a parameter that comes twice, escapes that are none, a body over 64 KiB.
 */
export async function readForm(request: IncomingMessage, proceed: () => void): Promise<ReadonlyMap<string, string>> {
  if (!formType.test(request.headers['content-type'] ?? '')) {
    throw new Refusal('invalid_request', 'Send the parameters as application/x-www-form-urlencoded in the body.');
  }
  proceed();
  const bytes = await readBytes(request, maxFormBytes);
  const parameters = new Map<string, string>();
  for (const pair of bytes.toString('latin1').split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodeForm(equals < 0 ? pair : pair.slice(0, equals));
    const value = decodeForm(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === null || value === null)
      throw new Refusal('invalid_request', 'A parameter is not written as a form has it.');
    if (value === '') continue;
    if (parameters.has(name)) throw new Refusal('invalid_request', 'A parameter comes twice.');
    parameters.set(name, value);
  }
  return parameters;
}

/** `+` is a space, `%XX` are bytes of UTF-8; null for anything else that is not ASCII. */
export function decodeForm(text: string): string | null {
  if (!/^[\x20-\x7e]*$/.test(text)) return null;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}
