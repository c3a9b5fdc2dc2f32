import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { Refused } from '../command.js';

/** What `JoinedGuard.connect` of @portcullis/guard takes: a NATS user that may do what a guard does, and what tokens must say. */
export const GuardCredentials = z.object({
  /** `nats://host:port` or `tls://host:port`, of one cluster. */
  servers: z.array(z.string()).min(1),
  user: z.string(),
  password: z.string(),
  inbox_prefix: z.string(),
  issuer: z.string(),
  audience: z.string(),
});
export type GuardCredentials = z.infer<typeof GuardCredentials>;

/** @param natsUrl with the guard's user and password; several servers separated by commas */
export function guardCredentials(natsUrl: string, tokens: { issuer: string; audience: string }): GuardCredentials {
  const urls = natsUrl.split(',').map((server) => new URL(server));
  const [first] = urls;
  const user = decodeURIComponent(first?.username ?? '');
  return {
    servers: urls.map(({ protocol, host }) => `${protocol}//${host}`),
    user,
    password: decodeURIComponent(first?.password ?? ''),
    inbox_prefix: `_INBOX.${user}`,
    ...tokens,
  };
}

export function writeGuardFile(path: string, credentials: GuardCredentials, mode = 0o600): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(credentials, null, 2)}\n`, { mode });
  renameSync(`${path}.new`, path);
}

export const removeGuardFile = (path: string): void => rmSync(path, { force: true });

/** Refuses in one sentence if there is none, or it makes no sense. */
export function readGuardFile(path: string): GuardCredentials {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new Refused(
      `${path} cannot be read. \`portcullis up\` writes it, unless NATS_URL is a server without users for single services. Set PORTCULLIS_HOME to that stack's home.`,
    );
  }
  try {
    return GuardCredentials.parse(JSON.parse(text));
  } catch {
    throw new Refused(`${path} is damaged: the next start of the stack writes it anew.`);
  }
}
