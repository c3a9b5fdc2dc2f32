import { Refused } from '../command.js';
import { clean } from './tables.js';

export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly token?: string;
  /** Sent as X-Org-ID. */
  readonly organization?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly timeoutSeconds?: number;
  /** Beside those that the rest makes. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Incoming {
  readonly body: unknown;
  /** The gateway's clock, if it said. */
  readonly at: Date | null;
}

/** The gateway said no. The message is what people read; `code` is for programs. */
export class GatewayRefusal extends Refused {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'GatewayRefusal';
  }

  /** The same with one more sentence, on a line of its own. */
  adding(sentence: string): GatewayRefusal {
    return new GatewayRefusal(this.status, this.code, `${this.message}\n${sentence}`);
  }
}

/** A revocation may wait for the longest lease; nothing else takes so long. */
const usualTimeoutSeconds = 60;

/** Asks a gateway once. Follows no redirect: what is sent is for that address alone. */
export async function send(address: string, outgoing: Outgoing): Promise<Incoming> {
  const { method, body, timeoutSeconds = usualTimeoutSeconds } = outgoing;
  const headers = headersOf({ Accept: 'application/json' }, outgoing);
  let response: Response;
  let text: string;
  try {
    response = await fetch(urlOf(address, outgoing), {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    throw new Refused(unreachable(address, error, { timeoutSeconds, isChange: method !== 'GET' }));
  }
  const parsed = parse(text);
  if (response.ok && parsed !== undefined) return { body: parsed, at: dateOf(response) };
  if (isProblem(parsed)) throw refusalOf(parsed, response);
  throw new GatewayRefusal(response.status, 'unknown', `${address} ${strange(response)}`);
}

/**
 * The bytes of an answer as they come, however long that takes: no line on which nothing is said for the usual time stays open. Refuses
 * if the answer is a refusal, and when it breaks off.
 */
export async function* receive(address: string, outgoing: Outgoing): AsyncGenerator<Uint8Array> {
  const { method, timeoutSeconds = usualTimeoutSeconds } = outgoing;
  const silence = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new DOMException('silent', 'TimeoutError')), timeoutSeconds * 1000);
  };
  heard();
  try {
    const headers = headersOf({ Accept: '*/*' }, outgoing);
    const response = await fetch(urlOf(address, outgoing), {
      method,
      headers,
      redirect: 'manual',
      signal: silence.signal,
    });
    if (!response.ok) {
      const problem = parse(await response.text());
      throw isProblem(problem)
        ? refusalOf(problem, response)
        : new GatewayRefusal(response.status, 'unknown', `${address} ${strange(response)}`);
    }
    for await (const chunk of response.body ?? []) {
      heard();
      yield chunk as Uint8Array;
    }
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused(unreachable(address, error, { timeoutSeconds, isChange: false }));
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function headersOf(
  first: Readonly<Record<string, string>>,
  { body, token, organization, idempotencyKey, headers }: Outgoing,
): Record<string, string> {
  return {
    ...first,
    ...headers,
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(organization === undefined ? {} : { 'X-Org-ID': organization }),
    ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
  };
}

function urlOf(address: string, { path, query = {} }: Outgoing): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return `${address}${path}${search.size === 0 ? '' : `?${search.toString()}`}`;
}

interface Problem {
  status: number;
  code: string;
  detail: string;
  request_id?: string;
  errors?: readonly { field: string; message: string }[];
  required_permission?: string;
}

function refusalOf(problem: Problem, response: Response): GatewayRefusal {
  const retryAfter = response.headers.get('retry-after');
  const lines = [
    problem.detail,
    ...(problem.errors ?? []).map(({ field, message }) => `  ${field}: ${message}`),
    ...(problem.required_permission === undefined ? [] : [`  required_permission: ${problem.required_permission}`]),
    ...(retryAfter !== null && /^\d+$/.test(retryAfter) ? [`  try again in ${retryAfter} s`] : []),
    `  ${problem.status} ${problem.code}${problem.request_id === undefined ? '' : `, request_id ${problem.request_id}`}`,
  ];
  return new GatewayRefusal(problem.status, problem.code, lines.map(clean).join('\n'));
}

function isProblem(value: unknown): value is Problem {
  const { status, code, detail } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof status === 'number' && typeof code === 'string' && typeof detail === 'string';
}

function strange(response: Response): string {
  const to = response.headers.get('location');
  if (to !== null && response.status >= 300 && response.status < 400)
    return `sends elsewhere, to ${clean(to)}: give that address if it is the gateway's. Nothing was sent there.`;
  return `answered ${response.status}, and not as Portcullis does. Is it the gateway's address?`;
}

function unreachable(
  address: string,
  error: unknown,
  { timeoutSeconds, isChange }: { timeoutSeconds: number; isChange: boolean },
): string {
  const maybe = isChange ? ' What was asked for may have been done all the same: look before you repeat it.' : '';
  if ((error as Error).name === 'TimeoutError') return `${address} did not answer within ${timeoutSeconds} s.${maybe}`;
  const cause = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  const code = cause.code ?? cause.message;
  if (code === 'ECONNREFUSED') return `Nothing listens at ${address}. Is the gateway running, and is that its address?`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `${address}: no such host is known.`;
  if (/CERT|SIGNED|ISSUER|ALTNAME/.test(code))
    return `The certificate of ${address} is not trusted (${code}). NODE_EXTRA_CA_CERTS=FILE adds an authority of yours.`;
  return `${address} could not be asked (${code}).${maybe}`;
}

function dateOf(response: Response): Date | null {
  const at = new Date(response.headers.get('date') ?? '');
  return Number.isNaN(at.getTime()) ? null : at;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
