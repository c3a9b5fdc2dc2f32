import { z } from 'zod';

/** Text for people: at most `max` characters, no control characters (so that no log line or terminal can be forged with it). */
export const Text = (max: number) =>
  z
    .string()
    .max(max, `must be at most ${max} characters`)
    .refine((value) => !hasControls(value), 'must not contain control characters');

/** A display name: 1 to 80 characters, not blank. */
export const Name = Text(80).refine((value) => value.trim() !== '', 'must not be empty');

/** RFC 3339 UTC, from the year 1 on: Postgres knows no year 0. */
export const Time = z.iso.datetime().refine((time) => !time.startsWith('0000'), 'must be a time from the year 0001 on');

/** SHA-256, 64 lower-case hex digits. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');

/** A secret on its way over the bus, encrypted to the process that may read it (`seal` and `unseal` in `credentials`). */
export const Sealed = z.object({ sealed: z.string().max(16_384) });
export type Sealed = z.infer<typeof Sealed>;

function hasControls(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return true;
  }
  return false;
}
