import { createHash } from 'node:crypto';
import { Refusal } from '@portcullis/contracts';
import { z } from 'zod';
import { type ControlRoute, ownRoute } from './route.js';

const tag = 'Gateway';
const open = { public: true } as const;

const PublicKeys = z.object({ keys: z.array(z.record(z.string(), z.string())) });

/** What the gateway says of itself. */
export const processRoutes: readonly ControlRoute[] = [
  ownRoute({
    method: 'GET',
    path: '/.well-known/jwks.json',
    tag,
    summary: 'Public keys: of access tokens, and of the identity tokens that upstreams get',
    access: open,
    reply: PublicKeys,
    answer: async (call, parts) => {
      const body = JSON.stringify({ keys: await parts.publicKeys() });
      const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
      const headers = {
        ETag: etag,
        'Cache-Control': 'public, max-age=60',
        'Content-Type': 'application/json; charset=utf-8',
      };
      return matches(call.header('if-none-match'), etag)
        ? { status: 304, headers, body: '' }
        : { status: 200, headers, body };
    },
  }),
  ownRoute({
    method: 'GET',
    path: '/healthz',
    tag,
    summary: 'The process is up',
    access: open,
    reply: z.object({ status: z.literal('ok') }),
    answer: () => Promise.resolve({ status: 200, body: { status: 'ok' } }),
  }),
  ownRoute({
    method: 'GET',
    path: '/readyz',
    tag,
    summary: 'The gateway can decide; otherwise 503 and what is missing',
    access: open,
    reply: z.object({ status: z.literal('ready') }),
    answer: (_call, parts) => {
      const missing = parts.missing();
      if (missing.length === 0) return Promise.resolve({ status: 200, body: { status: 'ready' } });
      const named = missing.map(({ field }) => field).join(', ');
      throw new Refusal('unavailable', `The gateway cannot decide yet: ${named}.`, {
        errors: missing,
        retryAfterSeconds: 1,
      });
    },
  }),
  ownRoute({
    method: 'GET',
    path: '/metrics',
    tag,
    summary: 'Prometheus metrics; programs on the same machine need no credential',
    access: { public: false, permission: 'policy:view', loopback: true },
    reply: { mediaType: 'text/plain; version=0.0.4; charset=utf-8' },
    answer: async (_call, parts) => ({
      status: 200,
      headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' },
      body: await parts.metricsText(),
    }),
  }),
];

function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}
