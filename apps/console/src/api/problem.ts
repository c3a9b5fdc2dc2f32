/** What the gateway refused (RFC 9457), or that it could not be asked. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    /** 0: no answer came. */
    readonly status: number,
    /** From the API's closed list of codes; `unreachable` where no answer came. */
    readonly code: string,
    /** A short sentence. */
    readonly title: string,
    /** What happened and what to do. */
    readonly detail: string,
    readonly fields: Readonly<Record<string, string>>,
    readonly requestId: string | null,
  ) {
    super(detail || title);
  }
}

interface ProblemDocument {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly request_id?: unknown;
  readonly errors?: readonly { field: string; message: string }[];
}

const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

/** @param body the answer's, parsed; anything, where something between has answered instead of the gateway */
export function problemOf(status: number, body: unknown): Problem {
  const given = (typeof body === 'object' && body !== null ? body : {}) as ProblemDocument;
  return new Problem(
    status,
    text(given.code, 'unexpected_answer'),
    text(given.title, `Status ${status}`),
    text(given.detail, ''),
    Object.fromEntries((given.errors ?? []).map(({ field, message }) => [field, message])),
    text(given.request_id, '') || null,
  );
}

export const unreachable = (): Problem =>
  new Problem(
    0,
    'unreachable',
    'No answer',
    'The gateway did not answer. Is it running, and are you online?',
    {},
    null,
  );

/** Whether the same call may well succeed a little later. */
export const isPassing = (error: unknown): boolean =>
  error instanceof Problem && (error.status === 0 || error.status === 502 || error.status === 503);

/** Whether the same change may have been made, or may yet be asked for: what was said before it, or of its key, decides nothing. */
export const isUndecided = (error: unknown): boolean =>
  isPassing(error) ||
  (error instanceof Problem &&
    ([401, 408, 429, 500, 504].includes(error.status) || error.code === 'idempotency_in_progress'));

/** Whether nothing is known of what became of a change: the answer that says it did not come. */
export const isAnswerLost = (error: unknown): boolean =>
  isUndecided(error) &&
  error instanceof Problem &&
  ![401, 429].includes(error.status) &&
  error.code !== 'enforcement_pending';
