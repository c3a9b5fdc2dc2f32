import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const modules = resolve(import.meta.dirname, '../../../node_modules');

/**
 * Runs node as a reader does: in a folder that holds these files and the packages of JavaScript, and with nothing in its environment.
 * @param files texts by their names
 * @returns what it wrote; rejects with that, where it fails
 */
export async function runNode(files: Readonly<Record<string, string>>, args: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-program-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    symlinkSync(modules, join(folder, 'node_modules'));
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env: {}, timeout: 30_000 });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
