import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { commaSeparated, ConfigFault, port, readSettings, wholeNumber, type Environment } from './index.js';

const shape = z.object({
  DATABASE_URL: z.string().describe('The service keeps its records there'),
  PORT: port().default(8080),
  LEASE_SECONDS: wholeNumber({ min: 1, max: 60 }).optional(),
  KEYS: commaSeparated(z.string().min(8, 'a key has at least 8 characters')).optional(),
});

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'settings-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (content: string) => {
  const path = join(folder, Math.random().toString(36).slice(2));
  writeFileSync(path, content);
  return path;
};
const faults = (env: Environment) => {
  try {
    readSettings(shape, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return error.lines;
    throw error;
  }
};

test('values are parsed and defaults filled in', () => {
  expect(readSettings(shape, { DATABASE_URL: 'x', KEYS: 'aaaaaaaa, bbbbbbbb', OTHER: 'y' })).toEqual({
    DATABASE_URL: 'x',
    PORT: 8080,
    KEYS: ['aaaaaaaa', 'bbbbbbbb'],
  });
});

test('every variable may come from a file, whose last newline does not count', () => {
  const settings = readSettings(shape, { DATABASE_URL_FILE: file('postgres://x\n'), PORT_FILE: file('99\r\n') });
  expect(settings).toMatchObject({ DATABASE_URL: 'postgres://x', PORT: 99 });
});

test('an empty value counts as not set', () => {
  expect(readSettings(shape, { DATABASE_URL: 'x', PORT: '', LEASE_SECONDS: '' })).toEqual({
    DATABASE_URL: 'x',
    PORT: 8080,
  });
  expect(faults({ DATABASE_URL: '' })).toHaveLength(1);
});

test('all faults are told at once, each with what to do', () => {
  const lines = faults({ PORT: '70000', LEASE_SECONDS: '1e1', KEYS: 'short' });
  expect(lines).toEqual([
    'DATABASE_URL is not set. The service keeps its records there. Set it, or DATABASE_URL_FILE to the path of a file that holds it.',
    'PORT: is not a whole number from 1 to 65535.',
    'LEASE_SECONDS: is not a whole number from 1 to 60.',
    'KEYS: a key has at least 8 characters.',
  ]);
});

test.each<[string, Environment, RegExp]>([
  ['both forms', { DATABASE_URL: 'x', DATABASE_URL_FILE: 'y' }, /both set/],
  ['a missing file', { DATABASE_URL_FILE: '/nowhere/hunter2' }, /does not exist/],
  ['a folder', { DATABASE_URL_FILE: '/' }, /cannot be read \(EISDIR\)/],
])('%s is one fault that says so', (_, env, expected) => {
  expect(faults(env)).toEqual([expect.stringMatching(expected)]);
});

test('an empty file is one fault', () => {
  expect(faults({ DATABASE_URL_FILE: file('\n') })).toEqual([expect.stringMatching(/is empty/)]);
});

test('no fault repeats a value, in whichever variable it was put', () => {
  const secret = 'hunter2';
  for (const name of ['PORT', 'LEASE_SECONDS', 'KEYS', 'DATABASE_URL_FILE', 'PORT_FILE'])
    expect(faults({ [name]: secret }).join('\n')).not.toContain(secret);
});

test('a rule over several fields is told as it is written', () => {
  const pair = z
    .object({ A: z.string().optional(), B: z.string().optional() })
    .refine((v) => !v.A || v.B, 'A needs B too');
  expect(() => readSettings(pair, { A: '1' })).toThrow('A needs B too.');
});
