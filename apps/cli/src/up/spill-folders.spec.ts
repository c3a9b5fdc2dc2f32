import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spillFolders } from './spill-folders.js';

test('of fewer gateways the first gets what the others left, and none of it is overwritten', () => {
  const root = join(mkdtempSync(join(tmpdir(), 'portcullis-spills-')), 'spill');
  const left = (gateway: string, text: string): void => {
    mkdirSync(join(root, gateway, '2'), { recursive: true });
    writeFileSync(join(root, gateway, '2', 'events.ndjson'), text);
  };
  try {
    const three = ['gateway', 'gateway-2', 'gateway-3'];
    expect(spillFolders(root, three)).toEqual(three.map((name) => join(root, name)));
    for (const name of three) left(name, name);
    expect(spillFolders(root, three.slice(0, 2))).toHaveLength(2);
    const inherited = join(root, 'gateway', '3002', 'events.ndjson');
    expect(readFileSync(inherited, 'utf8')).toBe('gateway-3');
    expect(readFileSync(join(root, 'gateway-2', '2', 'events.ndjson'), 'utf8')).toBe('gateway-2');
    left('gateway-3', 'later');
    spillFolders(root, ['gateway']);
    expect(readFileSync(inherited, 'utf8')).toBe('gateway-3');
    expect(existsSync(join(root, 'gateway-3', '2'))).toBe(true);
    expect(readFileSync(join(root, 'gateway', '2002', 'events.ndjson'), 'utf8')).toBe('gateway-2');
  } finally {
    rmSync(join(root, '..'), { recursive: true });
  }
});
