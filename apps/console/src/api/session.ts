import { isPassing, problemOf, unreachable } from './problem';

/**
 * The browser's session. The access token lives in this module's memory and nowhere else; the refresh token is in a cookie that no
 * script can read and that only `/console/session` is sent.
 */
export type Session =
  | { readonly state: 'starting' }
  | { readonly state: 'signed-out'; readonly because: 'ended' | null }
  /** Whether there is one could not be found out: `resume` again. */
  | { readonly state: 'unknown'; readonly error: unknown }
  | { readonly state: 'signed-in' };

const path = '/console/session';
/** A page of another site cannot set it without asking first, and is not let. */
const headers = { 'X-Requested-With': 'portcullis-console' };
/** Tabs share the cookie, and it is good once: they take turns. */
const turn = 'portcullis-session';
const tabs = new BroadcastChannel('portcullis-session');

let session: Session = { state: 'starting' };
let accessToken: string | null = null;
let renewing: Promise<boolean> | null = null;
const listeners = new Set<() => void>();

function become(next: Session): void {
  session = next;
  if (next.state !== 'signed-in') accessToken = null;
  for (const listener of listeners) listener();
}

tabs.onmessage = ({ data }: MessageEvent<'signed-in' | 'signed-out'>) => {
  // Whoever signed in elsewhere may be somebody else: nothing of the one before stays.
  if (data === 'signed-in') location.reload();
  else become({ state: 'signed-out', because: null });
};

export const currentSession = (): Session => session;
export const currentToken = (): string | null => accessToken;

export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Takes up the session that the cookie holds, if any. Call once, at the start. */
export async function resume(): Promise<void> {
  try {
    if (!(await renew())) become({ state: 'signed-out', because: null });
  } catch (error) {
    become(isPassing(error) ? { state: 'unknown', error } : { state: 'signed-out', because: null });
  }
}

/** @throws {Problem} `invalid_credentials`, `rate_limited`, … */
export async function signIn(email: string, password: string): Promise<void> {
  const answer = await send('POST', path, JSON.stringify({ email, password }));
  if (!answer.ok) throw problemOf(answer.status, answer.body);
  take(answer);
  tabs.postMessage('signed-in');
}

/**
 * Ends the session everywhere, by the time this returns.
 * @throws {Problem} where that is not certain: the session is still there, and this is to be called again
 */
export async function signOut(): Promise<void> {
  const answer = await send('DELETE', path);
  if (!answer.ok) throw problemOf(answer.status, answer.body);
  tabs.postMessage('signed-out');
  become({ state: 'signed-out', because: null });
}

/**
 * Another access token by the cookie. Calls that come together share one.
 * @returns false: the session is over, and that is known to the page
 * @throws {Problem} where it could not be found out
 */
export function renew(): Promise<boolean> {
  // Absent where the context is not secure; there is no cookie either.
  renewing ??= ('locks' in navigator ? navigator.locks.request(turn, refresh) : refresh()).finally(
    () => (renewing = null),
  );
  return renewing;
}

async function refresh(): Promise<boolean> {
  const answer = await send('POST', `${path}/refresh`);
  if (answer.ok) {
    take(answer);
    return true;
  }
  if (answer.status !== 401) throw problemOf(answer.status, answer.body);
  become({ state: 'signed-out', because: session.state === 'signed-in' ? 'ended' : null });
  return false;
}

function take({ body }: Answer): void {
  const { access_token } = body as { access_token: string };
  accessToken = access_token;
  if (session.state !== 'signed-in') become({ state: 'signed-in' });
}

/** Read to its end, whatever it is: a body that nobody reads keeps its connection. */
interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: unknown;
}

async function send(method: string, to: string, body?: string): Promise<Answer> {
  try {
    const answer = await fetch(to, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      ...(body !== undefined && { body }),
      cache: 'no-store',
    });
    return { ok: answer.ok, status: answer.status, body: await answer.json().catch(() => null) };
  } catch {
    throw unreachable();
  }
}
