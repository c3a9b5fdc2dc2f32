import createClient from 'openapi-fetch';
import type { paths } from '../../generated/openapi';
import { problemOf, unreachable } from './problem';
import { currentSession, currentToken, onSession, renew } from './session';

let organizationId: string | null = null;
// Whoever signs in next may be of another.
onSession(() => {
  if (currentSession().state === 'signed-out') organizationId = null;
});

/** Which of a person's organizations the page acts in; null lets the session's only one hold. */
export function actIn(id: string | null): void {
  organizationId = id;
}

/** Whether one was chosen among several. */
export const isChosen = (): boolean => organizationId !== null;

/** With the session's token; once more with a new one where the old one has run out. */
export async function authorizedFetch(request: Request): Promise<Response> {
  const again = request.clone();
  const answer = await sent(request);
  if (answer.status !== 401 || (await isOfBody(answer)) || !(await renew())) return answer;
  return sent(again);
}

/** What was refused is a password that the body says, not the session: said again, it would count as a second guess. */
async function isOfBody(answer: Response): Promise<boolean> {
  const body = (await answer
    .clone()
    .json()
    .catch(() => null)) as { code?: unknown } | null;
  return body?.code === 'invalid_credentials';
}

async function sent(request: Request): Promise<Response> {
  const token = currentToken();
  if (token) request.headers.set('Authorization', `Bearer ${token}`);
  if (organizationId) request.headers.set('X-Org-ID', organizationId);
  try {
    return await fetch(request, { credentials: 'omit', cache: 'no-store' });
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw unreachable();
  }
}

/** The public API, typed by its own document. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: authorizedFetch });

/**
 * What was answered.
 * @throws {Problem} what was refused
 */
export async function answered<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<NonNullable<T>> {
  const { data, error, response } = await call;
  if (response.ok && data !== undefined && data !== null) return data;
  throw problemOf(response.status, error);
}
