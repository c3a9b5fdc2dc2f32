import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Where each of these gateways writes events while the stream is away, one folder each below `root`. What gateways left of whom there are
 * fewer now goes to the first, which takes it up as that of workers that it has no longer. No gateway may run.
 */
export function spillFolders(root: string, gateways: readonly string[]): string[] {
  const folders = gateways.map((name) => join(root, name));
  const [heir] = folders;
  if (heir === undefined) return [];
  mkdirSync(heir, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(root)) {
    const number = Number(/^gateway-(\d{1,3})$/.exec(name)?.[1]);
    if (gateways.includes(name) || Number.isNaN(number)) continue;
    for (const worker of readdirSync(join(root, name))) {
      const inherited = join(heir, String(number * 1_000 + Number(worker)));
      // Else the first has not taken up yet what it got at an earlier start.
      if (!existsSync(inherited)) renameSync(join(root, name, worker), inherited);
    }
  }
  return folders;
}
