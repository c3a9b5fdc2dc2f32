import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allows } from '@portcullis/authz';
import { loadPolicy, normalisePath, type Policy } from './index.js';

/** The example routes of a storage node, included by a policy of the operator's own. */
async function nodePolicy(): Promise<Policy> {
  const folder = await mkdtemp(join(tmpdir(), 'node-routes-'));
  const routes = fileURLToPath(new URL('../../../config/examples/node-routes.yaml', import.meta.url));
  const file = join(folder, 'policy.yaml');
  await writeFile(file, `version: 1\ninclude: ["${routes}"]\nupstreams: { node: { url: http://127.0.0.1:1633 } }\n`);
  const result = await loadPolicy(file).finally(() => rm(folder, { recursive: true }));
  if ('faults' in result) throw new Error(JSON.stringify(result.faults, null, 1));
  return result.policy;
}

const { lattice, routes } = await nodePolicy();
const ROLES = { C: 'consumer', R: 'creator', A: 'accountant', M: 'maintainer', U: 'auditor' };

function passing(method: string, target: string): string {
  const path = normalisePath(target);
  const route = path.ok ? routes.match(method, path.path) : undefined;
  if (!route) return 'none';
  if (route.public) return 'public';
  return Object.entries(ROLES)
    .filter(([, role]) => {
      const grant = lattice.grant({ roles: [role] });
      return route.permissionIndexes.every((index) => allows(grant, index));
    })
    .map(([letter]) => letter)
    .join('');
}

/** Who passes: consumer, creator (R), accountant, maintainer, auditor (U). */
const MATRIX: [method: string, path: string, passing: string][] = [
  ['GET', '/bytes/x', 'CRAMU'],
  ['HEAD', '/bytes/x', 'CRAMU'],
  ['GET', '/bytes', 'none'],
  ['GET', '/bytes/', 'none'],
  ['GET', '/bytes/a/b', 'none'],
  ['POST', '/bytes', 'RAM'],
  ['POST', '/bytes/', 'none'],
  ['XGET', '/bytes/x', 'none'],
  ['GET', '/chunks/x', 'CRAMU'],
  ['HEAD', '/chunks/x', 'CRAMU'],
  ['GET', '/chunks/stream', 'CRAMU'],
  ['DELETE', '/chunks/x', 'M'],
  ['GET', '/bzz/x', 'CRAMU'],
  ['GET', '/bzz/x/', 'CRAMU'],
  ['GET', '/bzz/x/a/b.html', 'CRAMU'],
  ['GET', '/bzz', 'none'],
  ['PATCH', '/bzz/x', 'RAM'],
  ['GET', '/feeds/o/t', 'CRAMU'],
  ['POST', '/feeds/o/t', 'RAM'],
  ['POST', '/soc/o/i', 'RAM'],
  ['GET', '/pss/subscribe/t', 'CRAMU'],
  ['POST', '/pss/send/t/n', 'RAM'],
  ['GET', '/tags', 'RAMU'],
  ['POST', '/tags', 'RAM'],
  ['DELETE', '/tags/1', 'RAM'],
  ['POST', '/pins/x', 'RAM'],
  ['GET', '/pins/x', 'RAMU'],
  ['GET', '/pins', 'MU'],
  ['PUT', '/stewardship/x', 'CRAM'],
  ['GET', '/stewardship/x', 'RAMU'],
  ['GET', '/consumed', 'CRAMU'],
  ['GET', '/consumed/p', 'CRAMU'],
  ['GET', '/balances', 'MU'],
  ['GET', '/transactions', 'MU'],
  ['GET', '/transactions/h', 'CRAMU'],
  ['POST', '/transactions/h', 'AM'],
  ['DELETE', '/transactions/h', 'AM'],
  ['POST', '/chequebook/withdraw', 'AM'],
  ['GET', '/chequebook/balance', 'MU'],
  ['POST', '/stamps/1/17', 'M'],
  ['PATCH', '/stamps/topup/b/1', 'M'],
  ['GET', '/stamps', 'MU'],
  ['POST', '/connect/ip4/127.0.0.1/tcp/1634', 'M'],
  ['DELETE', '/peers/p', 'M'],
  ['POST', '/welcome-message', 'M'],
  ['PUT', '/loggers/x/y', 'M'],
  ['DELETE', '/stake', 'M'],
  ['POST', '/wallet/withdraw/coin', 'M'],
  // In the original these were guarded and in no rule, or in one that never matched.
  ['GET', '/rchash/1/a/b', 'CRAMU'],
  ['GET', '/batches', 'MU'],
  ['GET', '/status', 'MU'],
  ['GET', '/status/peers', 'MU'],
  ['GET', '/timesettlements', 'MU'],
  ['GET', '/health', 'public'],
  ['GET', '/readiness', 'public'],
  ['GET', '/elsewhere', 'none'],
];

test.each(MATRIX)('%s %s passes %s', (method, path, expected) => {
  expect(passing(method, path)).toBe(expected);
});

test.each(MATRIX.filter(([, , expected]) => expected !== 'public'))(
  '%s /v1%s passes %s too',
  (method, path, expected) => {
    expect(passing(method, `/v1${path}`)).toBe(expected);
    expect(passing(method, `/v2${path}`)).toBe('none');
  },
);

test('maintainer passes every guarded route, and auditor exactly those that read', () => {
  const guarded = routes.list().filter((route) => !route.public);
  expect(guarded.length).toBeGreaterThan(100);
  for (const { method, path, match } of guarded) {
    const target = path.replaceAll('**', 'x').replaceAll('*', 'x');
    expect([match, passing(method, target)]).toEqual([match, expect.stringContaining('M')]);
    expect([match, passing(method, target).includes('U')]).toEqual([match, method === 'GET']);
  }
});

test('every permission of the node guards at least one route', () => {
  const required = new Set(routes.permissionsOf('node'));
  const node = lattice.permissions().map(({ name }) => name);
  expect(node.filter((name) => name.startsWith('node:') && !required.has(name))).toEqual([]);
});
