import { type AuditEvent, newId } from '@portcullis/contracts';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { anEvent, logOver } from '../../spec/appended-log.js';
import { auditDatabase } from '../audit.module.js';
import { WatchLog } from './watch-log.js';

const organization = newId('org', new Date('2026-02-01T00:00:00.000Z'));
let spec: SpecDatabase;
let watch: WatchLog;
let state: () => Promise<{ size: number; checkedAt: Date | null; damagedIndex: number | null }>;
const said: string[] = [];
beforeEach(async () => {
  spec = await specDatabase(auditDatabase);
  const { append, log, check, store } = await logOver(spec.database);
  // More than one turn goes through.
  for (let batch = 0; batch < 10; batch++)
    await append(Array.from({ length: 500 }, () => anEvent({ organization_id: organization })));
  said.length = 0;
  watch = new WatchLog(spec.database, log, check, (line) => said.push(line));
  state = () => store.state();
}, 60_000);
afterEach(() => spec.drop());

const rows = <T>(sql: string) => spec.database.read((manager) => manager.query<T[]>(sql));
const alerts = async () =>
  (await rows<{ event: AuditEvent }>(`select event from outbox where event->>'action' = 'log.damaged'`)).map(
    ({ event }) => event,
  );

test('a log that is what was signed is gone through in turns, and when that was is known', async () => {
  await watch.turn();
  expect((await state()).checkedAt).toBeNull();
  await watch.turn();
  expect(await state()).toMatchObject({ size: 5_000, checkedAt: expect.any(Date) as Date, damagedIndex: null });
  expect(await alerts()).toEqual([]);
}, 60_000);

test.each([
  ['an event', `update event set body = replace(body::text, 'success', 'failure')::json where leaf_index = 4500`, 4500],
  ['an event that is not there', 'delete from event where leaf_index = 300', 300],
  [
    'a leaf',
    `update tile set hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) where level = 0 and index = 3`,
    768,
  ],
  [
    'a hash above the leaves',
    `update tile set hashes = set_byte(hashes, 160, get_byte(hashes, 160) # 1) where level = 1`,
    1280,
  ],
  ['the checkpoint', `update log_head set note = replace(note, 'log.example', 'log.another')`, 0],
])(
  '%s that is not what was signed is an event, once, and stays known',
  async (_name, edit, index) => {
    await rows(edit);
    for (let turn = 0; turn < 4; turn++) await watch.turn();
    expect((await state()).damagedIndex).not.toBeNull();
    expect(await alerts()).toMatchObject([{ outcome: 'failure', organization_id: null, details: { index } }]);
    expect(said.filter((line) => line.includes('DAMAGED'))).toHaveLength(1);
  },
  60_000,
);

test('replicas that check at once do not do the same', async () => {
  await Promise.all([watch.turn(), watch.turn(), watch.turn()]);
  const [row] = await rows<{ next_index: string }>('select next_index from log_check');
  expect([4_096, 0]).toContain(Number(row?.next_index));
}, 60_000);
