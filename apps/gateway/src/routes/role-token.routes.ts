import {
  Identity,
  IssuedRoleToken,
  NewRoleToken,
  type Operation,
  RefreshedRoleToken,
  Refusal,
  refuseFaults,
} from '@portcullis/contracts';
import { decodeBase64, Secret } from '@portcullis/credentials';
import { type z } from 'zod';
import { presented } from '../credential/presented.js';
import { renderReply } from '../render.js';
import { httpInputOf } from './http-input.js';
import {
  type Answer,
  type ControlCall,
  type ControlRoute,
  operationRoute,
  ownRoute,
  type RouteParts,
} from './route.js';

const tag = 'Role tokens';

/** A larger body is refused before a password is looked at. */
const maxBytes = 512;
const example = { role: 'maintainer', expiry: 3600 };
const isThere = (parts: RouteParts): Promise<boolean> => parts.issuesRoleTokens();

export const roleTokenRoutes: readonly ControlRoute[] = [
  ownRoute({
    method: 'POST',
    path: '/auth',
    tag,
    summary: 'The node password becomes a role token: Authorization: Basic, an empty user name',
    access: { public: true },
    challenge: 'Basic realm="Restricted"',
    isThere,
    status: 201,
    input: httpInputOf(NewRoleToken, 'POST', '/auth'),
    reply: IssuedRoleToken,
    example,
    answer: async (call, parts) => {
      // Read first, for its size; what is wrong inside is told to whoever knows the password.
      const wanted = await bodyOf(call, NewRoleToken);
      const { email, password } = basicOf(call);
      const request = { email, password: password.reveal(), wanted: wanted instanceof Refusal ? null : wanted };
      try {
        return await ask(call, parts, Identity.issueRoleToken, request, ['password']);
      } catch (error) {
        const isBody = error instanceof Refusal && error.code === 'invalid_request';
        throw isBody && wanted instanceof Refusal ? wanted : error;
      }
    },
  }),
  ownRoute({
    method: 'POST',
    path: '/refresh',
    tag,
    summary: 'A role token becomes another of the same role or one below it',
    access: { public: false, permission: null },
    isThere,
    status: 201,
    input: httpInputOf(RefreshedRoleToken, 'POST', '/refresh'),
    reply: IssuedRoleToken,
    example: { role: 'consumer', expiry: 86_400 },
    answer: async (call, parts) => {
      const found = presented(call.arrival.rawHeaders, []);
      const wanted = await bodyOf(call, RefreshedRoleToken);
      if (found.kind !== 'role-token') throw new Refusal('invalid_token', 'Only a role token can be refreshed here.');
      if (wanted instanceof Refusal) throw wanted;
      return ask(call, parts, Identity.refreshRoleToken, { token: found.token.reveal(), wanted }, ['token']);
    },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/role-tokens/revoke',
    tag,
    summary: 'Revoke one role token with its family, or all; answers when every gateway refuses them, with the receipt',
    operation: Identity.revokeRoleTokens,
    example: { token_id: 'tok_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2' },
  }),
];

/** The body, or what is wrong inside it. Throws what is wrong with it as a whole: too large, no JSON by its type, cut off. */
async function bodyOf<Body extends z.ZodObject>(call: ControlCall, schema: Body): Promise<z.output<Body> | Refusal> {
  try {
    const parsed = schema.safeParse(await call.body({ maxBytes, anyForm: true }));
    return parsed.success ? parsed.data : refuseFaults(parsed.error);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'invalid_request') return error;
    throw error;
  }
}

/** RFC 7617: the user name ends at the first colon. Without one, the password is the node's. */
function basicOf({ arrival }: ControlCall): { email: string | null; password: Secret } {
  const found = presented(arrival.rawHeaders, []);
  if (found.kind === 'refused' && !['invalid_token', 'unauthenticated'].includes(found.refusal.code))
    throw found.refusal;
  if (found.kind !== 'basic') throw new Refusal('unauthenticated', 'This needs a password: Authorization: Basic.');
  const text = utf8Of(decodeBase64(found.encoded.reveal()));
  const colon = text?.indexOf(':') ?? -1;
  if (text === null || colon < 0)
    throw new Refusal('invalid_credentials', 'Authorization: Basic holds no user name and password.');
  const [email, password] = [text.slice(0, colon), text.slice(colon + 1)];
  // What is longer fits nothing, and would not fit through the bus either.
  if (email.length > 254 || password.length > 1024)
    throw new Refusal('invalid_credentials', 'The user name or the password is not valid.');
  return { email: email === '' ? null : email, password: Secret.of(password) };
}

function utf8Of(bytes: Uint8Array | null): string | null {
  try {
    return bytes && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

async function ask(
  call: ControlCall,
  parts: RouteParts,
  operation: Operation,
  request: Record<string, unknown>,
  sealedFields: readonly string[],
): Promise<Answer> {
  const reply = await parts.ask(operation, request, sealedFields, call.caller({ idempotent: false }));
  return { status: 201, body: (await renderReply(operation.reply, reply, parts.unseal(operation.subject))) as object };
}
