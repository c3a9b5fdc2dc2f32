import { Audit, type Caller, Refusal, type ReplyOf, type RequestInputOf } from '@portcullis/contracts';
import { z } from 'zod';
import { httpInputOf, readInput } from './http-input.js';
import { newestCheckpoint, tileRoutes } from './tile.routes.js';
import { webhookRoutes } from './webhook.routes.js';
import { type ControlCall, type ControlRoute, operationRoute, ownRoute, type RouteParts, Streamed } from './route.js';

const tag = 'Audit';

const ExportRequest = Audit.exportPage.request.omit({ continued: true });
const exportInput = httpInputOf(ExportRequest, 'GET', '/v1/audit/export');

export const auditRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'GET',
    path: '/v1/audit/events',
    tag,
    summary: 'What happened in your organization, newest first',
    operation: Audit.list,
  }),
  operationRoute({ method: 'GET', path: '/v1/audit/events/:id', tag, summary: 'One event', operation: Audit.read }),
  operationRoute({
    method: 'GET',
    path: '/v1/audit/events/:id/proof',
    tag,
    summary:
      'That an event is in the log: its leaf, the hashes from there to the root, and the signed checkpoint over that',
    operation: Audit.prove,
  }),
  ownRoute({
    method: 'GET',
    path: '/v1/audit/checkpoint',
    tag,
    summary: 'The newest checkpoint of the log: a signed note (c2sp.org/tlog-checkpoint). Keep some of them elsewhere',
    access: { public: false, permission: Audit.checkpoint.permission },
    reply: { mediaType: 'text/plain; charset=utf-8' },
    answer: newestCheckpoint,
  }),
  ...tileRoutes,
  operationRoute({
    method: 'GET',
    path: '/v1/audit/log-keys',
    tag,
    summary: 'The keys that sign checkpoints, or did',
    operation: Audit.logKeys,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/audit/log-keys',
    tag,
    summary: 'Makes the next key of the log; checkpoints that others signed stay good by their own',
    operation: Audit.rotateLogKey,
    status: 201,
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/audit/consistency',
    tag,
    summary: 'That the log of one size begins with the log of a smaller one',
    operation: Audit.consistency,
  }),
  {
    ...ownRoute({
      method: 'GET',
      path: '/v1/audit/export',
      tag,
      summary:
        'The record with its proofs, a line for each index: your own events with their salts, of all else the leaf hash. Verify it with portcullis audit verify',
      access: { public: false, permission: Audit.exportPage.permission },
      reply: { mediaType: 'application/x-ndjson' },
      answer: exportEvents,
    }),
    input: exportInput,
  },
  ownRoute({
    method: 'GET',
    path: '/v1/audit/stream',
    tag,
    summary: 'Your events as they are kept (server-sent events); Last-Event-ID goes on where an earlier stream ended',
    access: { public: false, permission: Audit.follow.permission },
    reply: { mediaType: 'text/event-stream' },
    answer: followEvents,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/audit/erasures',
    tag,
    summary: 'Removes for good what your events say whose actor or resource is a subject; every proof still holds',
    operation: Audit.eraseSubject,
    idempotent: false,
  }),
  ...webhookRoutes,
];

const noInput = httpInputOf(z.strictObject({}), 'GET', '/');

const callerOf = (call: ControlCall): Caller => call.caller({ idempotent: false });

type ExportPage = ReplyOf<typeof Audit.exportPage>;

/** The first page is asked for before the answer begins: what is wrong with the request is told as any refusal. */
async function exportEvents(call: ControlCall, parts: RouteParts) {
  const request = readInput(exportInput, { path: {}, query: call.query, body: {} });
  const ask = async (input: RequestInputOf<typeof Audit.exportPage>): Promise<ExportPage> =>
    (await parts.ask(Audit.exportPage, input, [], callerOf(call))) as ExportPage;
  const first = await ask(request);
  const pages = async function* (): AsyncGenerator<string, void> {
    let page = first;
    for (;;) {
      if (page.lines.length > 0) yield page.lines.map((line) => `${JSON.stringify(line)}\n`).join('');
      if (page.next === null) return;
      page = await ask({ from: page.next, to: page.to, continued: true });
    }
  };
  const headers = { 'Content-Type': 'application/x-ndjson' };
  return { status: 200, headers, body: new Streamed(pages(), false) };
}

/** How often the log is asked for more, and how long a stream says nothing: proxies cut one that is silent for a minute. */
const followMilliseconds = 500;
const heartbeatMilliseconds = 15_000;

type Followed = ReplyOf<typeof Audit.follow>;

async function followEvents(call: ControlCall, parts: RouteParts) {
  readInput(noInput, { path: {}, query: call.query, body: {} });
  const ask = async (input: RequestInputOf<typeof Audit.follow>): Promise<Followed> =>
    (await parts.ask(Audit.follow, input, [], callerOf(call))) as Followed;
  const after = lastEventId(call.header('last-event-id'));
  const first = await ask(after === undefined ? {} : { after }).catch((error: unknown) => {
    // It is a header here.
    throw error instanceof Refusal && error.code === 'invalid_request' ? badLastEventId() : error;
  });
  const pieces = async function* (): AsyncGenerator<string, void> {
    // So that a client which saw no event yet goes on from here all the same.
    yield `: portcullis audit stream\nretry: 2000\nid: ${first.after}\n\n`;
    let page = first;
    let saidAt = performance.now();
    for (;;) {
      if (page.events.length > 0) {
        yield page.events.map(asMessage).join('');
        saidAt = performance.now();
      } else if (performance.now() - saidAt > heartbeatMilliseconds) {
        yield ':\n\n';
        saidAt = performance.now();
      }
      const before = page.after;
      page = await ask({ after: before, continued: true });
      // An empty piece: whoever writes looks whether anybody still listens.
      if (page.after === before) {
        yield '';
        await new Promise((resolve) => setTimeout(resolve, followMilliseconds));
      }
    }
  };
  // Proxies that gather an answer before they hand it on are asked not to.
  const headers = { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' };
  return { status: 200, headers, body: new Streamed(pieces(), true) };
}

/** The leaf index is the id: it only grows, and goes on where it ended. JSON has no line break. */
const asMessage = ({ leaf_index, event }: Followed['events'][number]): string =>
  `id: ${leaf_index}\ndata: ${JSON.stringify(event)}\n\n`;

function lastEventId(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  const index = /^(?:-1|0|[1-9]\d{0,14})$/.test(header) ? Number(header) : NaN;
  if (Number.isNaN(index)) throw badLastEventId();
  return index;
}

function badLastEventId(): Refusal {
  const message = 'must be the id of an event of this stream';
  return new Refusal('invalid_request', `Last-Event-ID: ${message}.`, {
    errors: [{ field: 'Last-Event-ID', message }],
  });
}
