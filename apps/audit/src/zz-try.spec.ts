import { newId } from '@portcullis/contracts';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { auditDatabase } from './audit.module.js';
import { EventStore } from './event.store.js';
let spec: SpecDatabase;
beforeAll(async () => {
  spec = await specDatabase(auditDatabase);
});
afterAll(() => spec.drop());
const org = newId('org', new Date());
test('plans', async () => {
  const out: string[] = [];
  const real = spec.database.read.bind(spec.database);
  for (let at = 0; at < 200000; at += 25000)
    await real((m) =>
      m.query(`insert into event select i, 'evt_'||i, timestamptz '2026-01-01' + i * interval '1 minute', case when i % 10 = 0 then null when i % 3 = 0 then 'org_x' else '${org}' end,
     case when i % 1000 = 1 then 'user.created' else 'api-key.created' end, case when i % 500 = 1 then 'denied' else 'success' end, 'usr_' || (i % 5000), 'key_' || (i % 20000), 'api-key', 'key_' || (i % 7000), 'req_' || i,
     jsonb_build_object('id','evt_'||i,'action','api-key.created','service','api-key','actor',jsonb_build_object('id','usr_' || (i % 5000)),'resource','{}'::jsonb,'details',jsonb_build_object('path','/v1/some/path/'||i, 'filler', repeat('x', 300)))
     from generate_series(${at}, ${at + 24999}) i`),
    );
  await real((m) => m.query('analyze event'));
  const store = new EventStore({
    read: (work: never) =>
      real((m) =>
        (work as (m: unknown) => Promise<unknown>)({
          query: async (text: string, values: unknown[]) => {
            const plan = (await m.query(`explain (analyze, buffers, costs off, timing off) ${text}`, values)) as {
              'QUERY PLAN': string;
            }[];
            out.push(
              plan
                .map((r) => r['QUERY PLAN'])
                .filter((l) => /Scan|Sort Key|Execution|Rows Removed|Buffers/.test(l))
                .slice(0, 40)
                .join('\n'),
            );
            return m.query(text, values);
          },
        }),
      ),
  } as never);
  const base = { organizationId: org, installation: true };
  for (const f of [
    {},
    { before: 1000 },
    { actor: 'usr_77' },
    { actor: 'usr_77', resource: 'api-key' },
    { action: 'user.created' as const },
    { outcome: 'denied' as const },
    { outcome: 'success' as const },
    { since: '2026-03-01T00:00:00Z', until: '2026-03-02T00:00:00Z' },
    { until: '2026-01-02T00:00:00Z' },
    { since: '0000-01-01T00:00:00Z' },
    { request_id: 'req_5' },
    { q: '/path/123' },
    { q: 'nothing like it' },
  ]) {
    try {
      const r = await store.list({ ...base, ...f } as never, 51, 20000);
      out.push(`=== ${JSON.stringify(f)} found ${r.found.length} down to ${r.examinedDownTo}`);
    } catch (e) {
      out.push(`=== ${JSON.stringify(f)} ${String(e)}`);
    }
  }
  process.stderr.write(out.join('\n') + '\n');
}, 60000);
