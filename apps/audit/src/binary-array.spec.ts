import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { auditDatabase } from './audit.module.js';
import { binaryArray } from './binary-array.js';

let spec: SpecDatabase;
beforeAll(async () => {
  spec = await specDatabase(auditDatabase);
});
afterAll(() => spec.drop());

const readBack = async (type: 'text' | 'bytea' | 'json', elements: (string | Buffer | null)[]) => {
  const [row] = await spec.database.read((manager) =>
    manager.query<{ read: unknown }[]>(`select $1::${type}[] as read`, [binaryArray(type, elements)]),
  );
  return row?.read;
};

test('Postgres reads every text as it was, whatever would have to be escaped, and null as null', async () => {
  const texts = ['', 'NULL', '{}', '"', '\\', ',', "'", 'ünïcödé 🗝', '\r\n\t', null, 'x'.repeat(70_000)];
  expect(await readBack('text', texts)).toEqual(texts);
});

test('bytes are kept byte for byte', async () => {
  const bytes = [Buffer.from([0, 255, 92, 34]), Buffer.alloc(0), null];
  expect(await readBack('bytea', bytes)).toEqual(bytes);
});

test('JSON is kept to the letter, and what is none is refused as a value, not as an outage', async () => {
  const [row] = await spec.database.read((manager) =>
    manager.query<{ text: string }[]>('select ($1::json[])[1]::text as text', [
      binaryArray('json', ['{"b":1, "a":2}']),
    ]),
  );
  expect(row?.text).toBe('{"b":1, "a":2}');
  await expect(readBack('json', ['{'])).rejects.toMatchObject({ code: '22P02' });
});
