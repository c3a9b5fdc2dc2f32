import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EmbeddedFault } from './embedded-fault.js';
import { type Log } from './lines.js';
import { bareEnvironment, canReach, type RunAs } from './run.js';
import { systemFolder } from './system-folder.js';

/** The user that Postgres is to run as: it refuses root, so root steps down to `postgres`, else to `nobody`. No user is made. */
export function postgresUser(): RunAs {
  if (process.getuid?.() !== 0) return {};
  const found = userNamed('postgres') ?? userNamed('nobody');
  if (!found)
    throw new EmbeddedFault(
      'unavailable',
      'Postgres does not run as root, and there is no user postgres or nobody: set DATABASE_URL, or start as another user.',
    );
  return found;
}

/**
 * Where the data really goes: `wanted`, unless the user that Postgres runs as cannot reach it (as root, in a folder that
 * only root may enter). Then it is `/var/lib/portcullis/<hash of wanted>-<random>`, written down in `wanted/elsewhere`.
 * The random part makes sure that a home which was deleted and made anew does not find the old one's data.
 */
export function postgresPlace(wanted: string, as: RunAs, log: Log): string {
  const note = join(wanted, 'elsewhere');
  if (existsSync(note)) return readFileSync(note, 'utf8').trim();
  mkdirSync(dirname(wanted), { recursive: true });
  if (as.uid === undefined || canReach(dirname(wanted), as)) return wanted;
  if (existsSync(join(wanted, 'PG_VERSION')))
    throw new EmbeddedFault(
      'unavailable',
      `Postgres keeps data in ${wanted}, which the user it runs as can no longer reach: open the folders above it again (chmod o+x).`,
    );

  const stem = createHash('sha256').update(wanted).digest('hex').slice(0, 12);
  const older = readdirSync(systemFolder()).filter((name) => name.startsWith(`${stem}-`));
  const place = join(systemFolder(), `${stem}-${randomBytes(4).toString('hex')}`);
  mkdirSync(place, { mode: 0o700 });
  chownSync(place, as.uid, as.gid ?? as.uid);
  mkdirSync(wanted, { recursive: true, mode: 0o700 });
  writeFileSync(note, `${place}\n`);
  log(`Postgres keeps its data in ${place}, since the user it runs as cannot reach ${dirname(wanted)}.`);
  for (const name of older)
    log(`Data of an earlier home of that name is in ${join(systemFolder(), name)}: remove it if nobody needs it.`);
  return place;
}

function userNamed(name: string): { uid: number; gid: number } | null {
  const ask = (flag: string) => spawnSync('id', [flag, name], { encoding: 'utf8', env: bareEnvironment() });
  const [user, group] = [ask('-u'), ask('-g')];
  return user.status === 0 && group.status === 0 ? { uid: Number(user.stdout), gid: Number(group.stdout) } : null;
}
