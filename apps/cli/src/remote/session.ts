import { Refused } from '../command.js';
import { type Profile, type Profiles, type Session } from './profiles.js';
import { GatewayRefusal, type Incoming, send } from './send.js';

/** A clock, so that specs need not wait for hours. */
export type Now = () => Date;

/** E-mail and password become a session. */
export async function openSession(
  url: string,
  { email, password }: { email: string; password: string },
  now: Now,
): Promise<Session> {
  const since = now();
  return sessionOf(await send(url, { method: 'POST', path: '/v1/login', body: { email, password } }), since);
}

/**
 * The access token of a profile, renewed first if it is time to. A refresh token is good once, and a second use ends the session: so
 * one command at a time, and whoever waited takes what the one before got. If it cannot be renewed just now, and the access token
 * is good still, that one is answered.
 */
export async function sessionToken(profiles: Profiles, name: string, now: Now): Promise<string> {
  const { session } = signedIn(profiles, name);
  if (!isDue(session, now())) return session.access_token;
  return profiles.locked(async () => {
    const profile = signedIn(profiles, name);
    if (!isDue(profile.session, now())) return profile.session.access_token;
    const since = now();
    const { refresh_token } = profile.session;
    let renewed: Session;
    try {
      const incoming = await send(profile.url, { method: 'POST', path: '/v1/reauthenticate', body: { refresh_token } });
      renewed = sessionOf(incoming, since);
    } catch (error) {
      const isOver = error instanceof GatewayRefusal && error.status === 401 && error.code !== 'token_not_yet_valid';
      if (!isOver && now() < new Date(profile.session.expires_at)) return profile.session.access_token;
      throw isOver ? new SessionOver(`The session is over. ${howToSignIn(name)}`) : error;
    }
    profiles.write(name, { ...profile, session: renewed });
    return renewed.access_token;
  });
}

/** The gateway takes the session's tokens no more. */
export class SessionOver extends Refused {}

/** What to type to get a session. */
export function howToSignIn(name: string): string {
  return `Sign in: portcullis login${name === 'default' ? '' : ` --profile ${name}`}`;
}

type SignedIn = Profile & { session: Session };

/** The profile, if somebody is signed in with it. Refuses if not. */
export function signedIn(profiles: Profiles, name: string): SignedIn {
  const profile = profiles.read(name);
  if (!profile?.session)
    throw new Refused(`Nobody is signed in. ${howToSignIn(name)} (or set PORTCULLIS_TOKEN and PORTCULLIS_URL).`);
  return { ...profile, session: profile.session };
}

function isDue(session: Session, now: Date): boolean {
  return now >= new Date(session.renew_from);
}

/** `since` is before the question was sent: the token ends no earlier than we think. */
function sessionOf({ body, at }: Incoming, since: Date): Session {
  const { access_token, refresh_token, expires_in, refresh_not_before } = body as Record<string, unknown>;
  if (typeof access_token !== 'string' || typeof refresh_token !== 'string' || typeof expires_in !== 'number')
    throw new Refused('The gateway answered no tokens. Is that its address?');
  const later = (seconds: number): Date => new Date(since.getTime() + seconds * 1000);
  const half = later(expires_in / 2);
  // By the gateway's own clock, or ours might have the session renewed before it can be.
  const waitMs = typeof refresh_not_before === 'string' ? Date.parse(refresh_not_before) - (at ?? since).getTime() : 0;
  // One second more: `Date` has whole ones.
  const valid = later(waitMs / 1000 + 1);
  const renewFrom = valid > half ? valid : half;
  const [expires_at, renew_from] = [later(expires_in).toISOString(), renewFrom.toISOString()];
  return { access_token, refresh_token, expires_at, renew_from };
}
