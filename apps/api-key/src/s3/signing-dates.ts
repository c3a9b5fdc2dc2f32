import { s3SkewSeconds } from '@portcullis/credentials';

const day = 86_400_000;
/** A presigned URL is good for a week at most. */
const daysBack = 7;

/**
 * The days, as in a scope, of which a signature may be good at an instant: of a presigned URL from a week ago to today, and of a clock
 * that is ahead as far as one may be. A key for a later day would open something after this authority has been asked the last time.
 */
export function signingDates(now: Date): string[] {
  const ahead = new Date(now.getTime() + s3SkewSeconds * 1000);
  const dates = Array.from({ length: daysBack + 1 }, (_, n) => dateOf(new Date(now.getTime() - (daysBack - n) * day)));
  return [...new Set([...dates, dateOf(ahead)])];
}

const dateOf = (time: Date): string => time.toISOString().slice(0, 10).replaceAll('-', '');
