import { type BrowserTokens, Identity, Refusal, type Sealed } from '@portcullis/contracts';
import { z } from 'zod';
import { demandOwnPage } from '../console/own-page.js';
import { dropSession, keepSession, sessionTokenIn } from '../console/session-cookie.js';
import { headerValues } from '../header-values.js';
import { httpStatus } from '../http-status.js';
import { renderReply } from '../render.js';
import { httpInputOf, readInput } from './http-input.js';
import { type Answer, type ControlCall, type ControlRoute, ownRoute, type RouteParts } from './route.js';

const tag = 'Sign in';
const open = { public: true } as const;
const signIn = httpInputOf(Identity.openSession.request, 'POST', '/console/session');
const nothing = httpInputOf(z.strictObject({}), 'POST', '/console/session/refresh');

/** What a page gets of a session; the refresh token goes into the cookie and nowhere else. */
const PageTokens = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number().int(),
});

/** The session of the console in a browser: `../console/README.md`. */
export const consoleRoutes: readonly ControlRoute[] = [
  ownRoute({
    method: 'POST',
    path: '/console/session',
    tag,
    summary: 'Sign in from the console: an access token, and the refresh token in a cookie that no script reads',
    access: open,
    ownPage: { cookie: false },
    input: signIn,
    reply: PageTokens,
    example: { email: 'ada@example.com', password: 'correct horse battery staple' },
    answer: async (call, parts) => {
      demandOwnPage(call.arrival.rawHeaders, parts.publicUrl);
      const request = readInput(signIn, { path: call.path, query: call.query, body: await call.body() });
      return withCookie(call, parts, Identity.openSession, request, signIn.sealedFields);
    },
  }),
  ownRoute({
    method: 'POST',
    path: '/console/session/refresh',
    tag,
    summary: 'The cookie of the console’s session, good once, becomes a new access token and a new cookie',
    access: open,
    ownPage: { cookie: true },
    reply: PageTokens,
    answer: async (call, parts) => {
      demandOwnPage(call.arrival.rawHeaders, parts.publicUrl);
      readInput(nothing, { path: call.path, query: call.query, body: await call.body() });
      try {
        const token = tokenOf(call);
        if (token === null) throw new Refusal('unauthenticated', 'There is no session. Sign in.');
        return await withCookie(call, parts, Identity.continueSession, { refresh_token: token }, ['refresh_token']);
      } catch (error) {
        if (isOver(error)) call.says('Set-Cookie', dropSession);
        throw error;
      }
    },
  }),
  ownRoute({
    method: 'DELETE',
    path: '/console/session',
    tag,
    summary:
      'End the console’s session everywhere by the time this answers, with the receipt; null where there is none',
    access: open,
    ownPage: { cookie: true },
    reply: Identity.endSession.reply,
    answer: async (call, parts) => {
      demandOwnPage(call.arrival.rawHeaders, parts.publicUrl);
      readInput(nothing, { path: call.path, query: call.query, body: await call.body() });
      const token = tokenOf(call);
      const caller = call.caller({ idempotent: false });
      const ended =
        token === null
          ? { enforcement: null }
          : await parts.ask(Identity.endSession, { refresh_token: token }, ['refresh_token'], caller);
      // As long as it is not confirmed the cookie stays: a repeat asks again.
      call.says('Set-Cookie', dropSession);
      return { status: 200, body: ended as object };
    },
  }),
];

const tokenOf = ({ arrival }: ControlCall): string | null => sessionTokenIn(headerValues(arrival.rawHeaders, 'cookie'));

async function withCookie(
  call: ControlCall,
  parts: RouteParts,
  operation: typeof Identity.openSession | typeof Identity.continueSession,
  request: Record<string, unknown>,
  sealedFields: readonly string[],
): Promise<Answer> {
  const reply = await parts.ask(operation, request, sealedFields, call.caller({ idempotent: false }));
  const rendered = renderReply(operation.reply, reply, parts.unseal(operation.subject)) as Opened<BrowserTokens>;
  const { refresh_token: token, refresh_expires_in: seconds, ...body } = rendered;
  call.says('Set-Cookie', keepSession(token, seconds));
  return { status: 200, body };
}

type Opened<Reply> = { [Field in keyof Reply]: Reply[Field] extends Sealed ? string : Reply[Field] };

/**
 * Whether nothing will come of the cookie any more. Not so where another page was faster: the browser has that one's cookie by now, or
 * gets it presently, and dropping it would end a session that is alive.
 */
const isOver = (error: unknown): boolean =>
  error instanceof Refusal && httpStatus[error.code] === 401 && error.failedCredential?.reason !== 'replaced';
