import { Audit, type ReplyOf } from '@portcullis/contracts';
import { z } from 'zod';
import { httpInputOf, readInput } from './http-input.js';
import { restParameter } from './path-pattern.js';
import { type Answer, type ControlCall, type ControlRoute, ownRoute, type RouteParts } from './route.js';

const tag = 'Audit';
const noInput = httpInputOf(z.strictObject({}), 'GET', '/');

/**
 * The log as a reader of c2sp.org/tlog-tiles fetches it, below the prefix `/v1/audit/log`: checkpoint and hashes. The entry bundles of that
 * specification are not served; what a leaf commits to is in an export.
 */
export const tileRoutes: readonly ControlRoute[] = [
  ownRoute({
    method: 'GET',
    path: '/v1/audit/log/checkpoint',
    tag,
    summary: 'The newest checkpoint of the log, where readers of tiles look for it (c2sp.org/tlog-tiles)',
    access: { public: false, permission: Audit.checkpoint.permission },
    reply: { mediaType: 'text/plain; charset=utf-8' },
    answer: newestCheckpoint,
  }),
  ownRoute({
    method: 'GET',
    path: '/v1/audit/log/tile/:level/:index+',
    tag,
    summary:
      'A tile of the tree (c2sp.org/tlog-tiles): up to 256 hashes of 32 bytes. Its index in groups of three digits, x001/x234/067, and .p/8 behind it for the first 8 hashes alone',
    access: { public: false, permission: Audit.tile.permission },
    reply: { mediaType: 'application/octet-stream' },
    answer: tile,
  }),
];

export async function newestCheckpoint(call: ControlCall, parts: RouteParts): Promise<Answer> {
  readInput(noInput, { path: {}, query: call.query, body: {} });
  const reply = await parts.ask(Audit.checkpoint, {}, [], call.caller({ idempotent: false }));
  const { checkpoint } = reply as ReplyOf<typeof Audit.checkpoint>;
  return { status: 200, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: checkpoint };
}

async function tile(call: ControlCall, parts: RouteParts): Promise<Answer> {
  readInput(noInput, { path: {}, query: call.query, body: {} });
  const path = `tile/${call.path['level']}/${call.path[restParameter]}`;
  const reply = await parts.ask(Audit.tile, { path }, [], call.caller({ idempotent: false }));
  const { hashes } = reply as ReplyOf<typeof Audit.tile>;
  // It never changes. For the caller's own cache alone: another one would hand it to whoever asks.
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Cache-Control': 'private, max-age=31536000, immutable',
  };
  return { status: 200, headers, body: Buffer.from(hashes, 'base64') };
}
