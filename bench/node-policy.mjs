// The five roles of config/catalogue/node.yaml and what their routes need, as the question "may this role do this?".
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPolicy } from '@portcullis/policy';
import { here } from './programs.mjs';

export const roles = ['consumer', 'creator', 'accountant', 'maintainer', 'auditor'];

export async function nodePolicy() {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  const file = join(folder, 'policy.yaml');
  const routes = here('../config/examples/node-routes.yaml');
  writeFileSync(file, `version: 1\ninclude: ["${routes}"]\nupstreams: { node: { url: http://127.0.0.1:1633 } }\n`);
  const { policy, faults } = await loadPolicy(file);
  rmSync(folder, { recursive: true });
  if (!policy) throw new Error(JSON.stringify(faults));
  return policy;
}

/** Every role with every guarded route, in an order that no branch predictor learns. */
export function questions(policy) {
  const guarded = policy.routes.list().filter((route) => !route.public && !route.path.startsWith('/v1/'));
  const all = roles.flatMap((role) =>
    guarded.map((route) => ({
      role,
      method: route.method,
      path: route.path.replaceAll('**', 'x').replaceAll('*', 'x'),
      permission: route.permissions[0],
      pattern: route.path,
    })),
  );
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [all[at], all[other]] = [all[other], all[at]];
  }
  return all;
}
