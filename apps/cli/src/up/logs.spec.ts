import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notableLines, notableNatsLine, notablePostgresLine } from './child-log.js';
import { logFile } from './log-file.js';

test('a log never takes more than twice its bound', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-log-'));
  try {
    const log = logFile(join(folder, 'a.log'), 100);
    for (let n = 0; n < 50; n++) log(`line number ${n}`);
    expect(readdirSync(folder).sort()).toEqual(['a.log', 'a.log.1']);
    for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name)).length).toBeLessThan(120);
    expect(readFileSync(join(folder, 'a.log'), 'utf8')).toMatch(/line number 49\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a log that cannot be written loses lines, not the process', () => {
  expect(() => logFile('/nowhere/at/all.log')('line')).not.toThrow();
});

test.each([
  ['{"level":"warn","message":"slow"}', ['audit: warn: slow']],
  ['{"level":"error","message":{"code":1}}', ['audit: error: {"code":1}']],
  ['{"level":50,"msg":"numbered"}', ['audit: 50: numbered']],
  ['TypeError: x is not a function', ['audit: TypeError: x is not a function']],
  ['{broken', ['audit: {broken']],
  ['{"level":"log","message":"routine"}', []],
  ['  ', []],
])('of %s the terminal shows %j', (line, expected) => {
  const shown: string[] = [];
  notableLines('audit', (text) => shown.push(text))(line);
  expect(shown).toEqual(expected);
});

test('a process in trouble does not drown the others, and what was left out is counted', () => {
  const shown: string[] = [];
  let now = 0;
  const log = notableLines('audit', (text) => shown.push(text), { perWindow: 2, now: () => now });
  for (let n = 0; n < 5; n++) log(`trouble ${n}`);
  expect(shown).toHaveLength(2);
  now = 10_001;
  log('later');
  expect(shown.slice(2)).toEqual(['audit: … and 3 more lines in its log', 'audit: later']);
});

test('of the servers only warnings and worse are shown', () => {
  expect(notableNatsLine('[1] [INF] Server is ready')).toBe(false);
  expect(notableNatsLine('[1] [ERR] disk full')).toBe(true);
  expect(notablePostgresLine('2026 UTC [1] LOG:  checkpoint complete')).toBe(false);
  expect(notablePostgresLine('2026 UTC [1] PANIC:  could not write')).toBe(true);
});
