import { randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import { z } from 'zod';

const ulidText = '[0-7][0-9A-HJKMNP-TV-Z]{25}';

/** Every kind of id that Portcullis issues, by its prefix: `<kind>_<ULID>`. */
export const idKinds = ['org', 'usr', 'sa', 'key', 'cli', 'evt', 'tok', 'whk', 'req', 'sec', 'prc', 'inv'] as const;
export type IdKind = (typeof idKinds)[number];

/**
 * Random bytes of the system, fetched by the page. By itself `ulid` asks the system for each of its 16 characters, which costs
 * a gateway more than all the rest of a request.
 */
const page = new Uint8Array(4096);
let used = page.length;
function randomFraction(): number {
  if (used === page.length) {
    randomFillSync(page);
    used = 0;
  }
  return (page[used++] ?? 0) / 256;
}

const nextUlid = monotonicFactory(randomFraction);

/** A fresh id. Ids of one process sort by the order in which they were made. */
export function newId(kind: IdKind, now: Date): string {
  return `${kind}_${nextUlid(now.getTime())}`;
}

/**
 * An organization as a label of a host (RFC 1123): its id in lower case, with `-` for `_`. botocore refuses an endpoint whose host has an
 * underscore.
 */
export const organizationLabel = (organizationId: string): string => organizationId.toLowerCase().replaceAll('_', '-');

/** The schema of one kind of id. */
export const Id = (kind: IdKind) =>
  z.string().regex(new RegExp(`^${kind}_${ulidText}$`), `must be an id like ${kind}_01J…`);

/** True when `text` is an id of `kind`. For paths: a malformed id is simply one that does not exist. */
export function isId(kind: IdKind, text: string): boolean {
  return Id(kind).safeParse(text).success;
}
