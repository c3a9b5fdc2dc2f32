// Small files that survive a crash: whole, or not there.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** JSON, or text as it is, that is there after a crash, as a whole or not at all. */
export async function writeDurably(path, content) {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const beside = `${path}.${randomUUID()}.new`;
  const file = await open(beside, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await syncDirectory(dirname(path));
}

export async function syncDirectory(path) {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The JSON files of a folder, without what a crash left half written. */
export function readRecords(folder) {
  return readdirSync(folder)
    .filter((name) => {
      if (name.endsWith('.new')) rmSync(join(folder, name));
      return !name.endsWith('.new');
    })
    .map((name) => {
      const path = join(folder, name);
      try {
        return { name, value: JSON.parse(readFileSync(path, 'utf8')) };
      } catch (error) {
        throw new Error(`${path} is damaged: ${error.message}. Remove it, or start with another directory.`);
      }
    });
}
