import { ApiKey, LeakedKey, Refusal, Time } from '@portcullis/contracts';
import { z } from 'zod';
import { httpInputOf, readInput } from './http-input.js';
import { type ControlRoute, operationRoute, ownRoute } from './route.js';

const tag = 'API keys';

const maxTextBytes = 1_048_576;
/** As JSON a text is larger: a line end is two characters there, a control character six. */
const maxLeakBodyBytes = 3 * maxTextBytes;

const LeakSearch = z.strictObject({
  /** At most 1 MiB. It is read here and kept nowhere. */
  text: z.string(),
  /** What each key did from then on. */
  since: Time.optional(),
  revoke: z.boolean().optional(),
});

const FoundLeaks = ApiKey.findLeaked.reply.extend({
  items: z.array(LeakedKey),
  /** How many strings looked like keys. */
  candidates: z.number().int(),
  /** Of these, how many are no key of this organization. */
  unknown: z.number().int(),
});

const leakSearch = httpInputOf(LeakSearch, 'POST', '/v1/api-keys/leaks');

export const apiKeyRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'POST',
    path: '/v1/api-keys',
    tag,
    summary: 'Issue a key; its secrets are in this answer alone',
    operation: ApiKey.create,
    status: 201,
    example: { name: 'ci', forms: ['bearer'], permissions: ['counterparties:view'], expires_in_days: 90 },
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/api-keys',
    tag,
    summary: 'The keys of your organization, newest first',
    operation: ApiKey.list,
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/api-keys/requests',
    tag,
    summary: 'What was called with which key, newest first',
    operation: ApiKey.requests,
  }),
  operationRoute({ method: 'GET', path: '/v1/api-keys/:id', tag, summary: 'One key', operation: ApiKey.read }),
  operationRoute({
    method: 'DELETE',
    path: '/v1/api-keys/:id',
    tag,
    summary: 'Revoke a key; answers when every gateway refuses it, with the receipt',
    operation: ApiKey.revoke,
  }),
  operationRoute({
    method: 'PATCH',
    path: '/v1/api-keys/:id',
    tag,
    summary: 'Edit a key, its grant only to a narrower one; with the receipt where gateways judge by what has changed',
    operation: ApiKey.update,
    example: { name: 'ci', networks: ['10.0.0.0/8'] },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/api-keys/:id/rotate',
    tag,
    summary: 'New secrets in every form; the old ones are good for the overlap',
    operation: ApiKey.rotate,
    example: { overlap_seconds: 3600 },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/api-keys/:id/disable',
    tag,
    summary: 'Stop a key (apikeys:manage or apikeys:revoke); answers when every gateway refuses it, with the receipt',
    operation: ApiKey.disable,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/api-keys/:id/enable',
    tag,
    summary: 'Let a disabled key work again; answers when every gateway accepts it',
    operation: ApiKey.enable,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/api-keys/import',
    tag,
    summary: 'Take over keys that were made elsewhere, by their SHA-256, all or none',
    operation: ApiKey.import,
    status: 201,
    example: {
      keys: [
        {
          sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          prefix: 'acme_live_',
          name: 'billing',
          permissions: ['counterparties:view'],
        },
      ],
    },
  }),
  ownRoute({
    method: 'POST',
    path: '/v1/api-keys/leaks',
    tag,
    summary: 'Which keys of your organization stand in a text; with "revoke" (apikeys:revoke) they end',
    access: { public: false, permission: ApiKey.findLeaked.permission },
    input: leakSearch,
    reply: FoundLeaks,
    example: { text: 'Authorization: Bearer ptc_…', since: '2026-11-24T00:00:00Z', revoke: false },
    answer: async (call, parts) => {
      const body = await call.body({ maxBytes: maxLeakBodyBytes });
      const { text, ...how } = LeakSearch.parse(readInput(leakSearch, { path: call.path, query: call.query, body }));
      if (Buffer.byteLength(text) > maxTextBytes) {
        throw new Refusal('too_large', `The text is larger than ${maxTextBytes} bytes.`);
      }
      const candidates = await parts.keysIn(text);
      // The bus gets digests alone.
      const digests = new Set(candidates.flatMap((each) => (each.accessKeyId === undefined ? each.digests : [])));
      const access_keys = candidates.flatMap((each) =>
        each.accessKeyId === undefined ? [] : [{ access_key_id: each.accessKeyId, digests: [...each.digests] }],
      );
      const asked = { ...how, digests: [...digests], access_keys };
      const caller = call.caller({ idempotent: false });
      const reply = ApiKey.findLeaked.reply.parse(await parts.ask(ApiKey.findLeaked, asked, [], caller));
      const known = new Set(reply.items.map(({ sha256 }) => sha256));
      const unknown = candidates.filter((candidate) => !candidate.digests.some((digest) => known.has(digest))).length;
      const items = reply.items.map(({ sha256: _, ...item }) => item);
      return {
        status: 200,
        body: { candidates: candidates.length, unknown, items, enforcement: reply.enforcement },
      };
    },
  }),
];
