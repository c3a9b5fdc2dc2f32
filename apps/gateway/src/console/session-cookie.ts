import { Refusal } from '@portcullis/contracts';

/** `__Secure-`: a browser takes it over https alone (RFC 6265bis section 4.1.3.1), and no page that came in the clear can put one in its place. */
export const sessionCookieName = '__Secure-portcullis-session';
/** It goes nowhere else, so that nothing else has to be told not to take it. */
const path = '/console/session';
const attributes = `HttpOnly; Secure; SameSite=Strict; Path=${path}`;
const tokenForm = /^[A-Za-z0-9._-]{1,4096}$/;

/** `Set-Cookie` that keeps a refresh token as long as it is good. */
export const keepSession = (token: string, seconds: number): string =>
  `${sessionCookieName}=${token}; ${attributes}; Max-Age=${seconds}`;

/** `Set-Cookie` that takes it away. */
export const dropSession = `${sessionCookieName}=; ${attributes}; Max-Age=0`;

/**
 * The refresh token among the values of `Cookie`; null: there is none, or nothing that could be one. Refuses two with
 * `ambiguous_credentials`: one of them was put there by a neighbouring host, and nothing says which.
 */
export function sessionTokenIn(cookies: readonly string[]): string | null {
  const values = cookies
    .flatMap((header) => header.split(';'))
    .filter((pair) => nameOf(pair) === sessionCookieName)
    .map((pair) => pair.slice(pair.indexOf('=') + 1).trim());
  const [value, other] = values;
  if (other !== undefined)
    throw new Refusal('ambiguous_credentials', 'The browser sent two sessions. Remove the cookies of this site.');
  return value !== undefined && tokenForm.test(value) ? value : null;
}

/** A `Cookie` as an upstream may see it; empty if nothing is left. */
export function withoutSession(cookies: string): string {
  if (!cookies.includes(sessionCookieName)) return cookies;
  return cookies
    .split(';')
    .filter((pair) => nameOf(pair) !== sessionCookieName)
    .join(';')
    .trim();
}

/** Whether a `Set-Cookie` would put a session of somebody's choice into the browser. */
export const setsSession = (cookie: string): boolean => nameOf(cookie) === sessionCookieName;

const nameOf = (pair: string): string => (pair.split('=', 1)[0] ?? '').trim();
