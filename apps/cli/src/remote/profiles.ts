import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { Refused, UsageFault, type Environment } from '../command.js';
import { takeLockFile } from '../lock-file.js';
import { writeWhole } from '../whole-file.js';

/** Times by the clock of this machine, whatever the gateway's says. */
const Session = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  /** When the access token ends. */
  expires_at: z.iso.datetime(),
  /** From when on the refresh token is to be used: not before it is valid, and not before half of the access token's time. */
  renew_from: z.iso.datetime(),
});
export type Session = z.infer<typeof Session>;

const Profile = z.object({
  url: z.string(),
  email: z.string(),
  /** Sent as X-Org-ID unless another is asked for. */
  organization: z.string().nullable(),
  /** Clear text to another machine was wanted when this profile signed in. */
  insecure_http: z.boolean(),
  /** Null after a logout: the rest is remembered for the next login. */
  session: Session.nullable(),
});
export type Profile = z.infer<typeof Profile>;

const ProfilesFile = z.object({ version: z.literal(1), profiles: z.record(z.string(), Profile) });

const lockWaitMilliseconds = 90_000;

/** Reads `--profile`: `default` unless given. */
export function profileName(given: string | undefined): string {
  const name = given ?? 'default';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw new UsageFault('A profile has a name of letters, digits, dots, hyphens and underscores.');
  return name;
}

/**
 * Who is signed in where, in one file of this user's (mode 0600, in a folder of mode 0700): XDG_CONFIG_HOME, else ~/.config, then
 * portcullis/profiles.json. A file that another user could read, or a folder that one could write to, is refused.
 */
export class Profiles {
  readonly file: string;

  private constructor(private readonly folder: string) {
    this.file = join(folder, 'profiles.json');
  }

  static of(env: Environment): Profiles {
    const configured = env['XDG_CONFIG_HOME'];
    // The specification says that a relative path counts as none.
    const base = configured && isAbsolute(configured) ? configured : join(env['HOME'] || homedir(), '.config');
    return new Profiles(join(base, 'portcullis'));
  }

  read(name: string): Profile | null {
    const { profiles } = this.load();
    return Object.hasOwn(profiles, name) ? (profiles[name] ?? null) : null;
  }

  /** Complete or not at all: a new file takes the old one's place. Only inside `locked`. */
  write(name: string, profile: Profile): void {
    const { profiles } = this.load();
    const text = JSON.stringify({ version: 1, profiles: { ...profiles, [name]: profile } }, null, 2);
    try {
      writeWhole(this.file, `${text}\n`);
    } catch (error) {
      throw new Refused(`${this.file} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
    }
  }

  /** One command at a time, of all that run: others wait. The lock of one that was killed is taken over. */
  async locked<T>(work: () => Promise<T> | T): Promise<T> {
    const lock = join(this.folder, 'lock');
    this.makeFolder();
    const deadline = performance.now() + lockWaitMilliseconds;
    for (let holder = takeLockFile(lock); holder; holder = takeLockFile(lock)) {
      if (performance.now() > deadline)
        throw new Refused(`Another portcullis command (process ${holder.pid}) has held ${lock} for too long.`);
      await delay(25);
    }
    try {
      return await work();
    } finally {
      rmSync(lock, { force: true });
    }
  }

  private load(): z.infer<typeof ProfilesFile> {
    let text: string;
    try {
      refuseIfOthersMay(this.folder, 0o022, 'can be changed', 'chmod 700');
      refuseIfOthersMay(this.file, 0o077, 'can be read', 'chmod 600');
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      if (error instanceof Refused) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return { version: 1, profiles: {} };
      throw new Refused(`${this.file} cannot be read (${code}).`);
    }
    const read = ProfilesFile.safeParse(parse(text));
    if (!read.success)
      throw new Refused(`${this.file} is not what this version writes: move it away and sign in again.`);
    return read.data;
  }

  private makeFolder(): void {
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new Refused(
        `${this.folder} cannot be made (${(error as NodeJS.ErrnoException).code}): set XDG_CONFIG_HOME to a folder of yours.`,
      );
    }
    refuseIfOthersMay(this.folder, 0o022, 'can be changed', 'chmod 700');
  }
}

function refuseIfOthersMay(path: string, bits: number, what: string, remedy: string): void {
  const user = process.getuid?.();
  if (user === undefined) return; // no such modes on this system
  const { mode, uid } = statSync(path);
  if (uid !== user) throw new Refused(`${path} belongs to another user: it is not used.`);
  if ((mode & bits) !== 0)
    throw new Refused(
      `${path} ${what} by other users (mode 0${(mode & 0o777).toString(8)}): ${remedy} it. If somebody may have, sign in again.`,
    );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
