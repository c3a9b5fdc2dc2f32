/** An RFC 3339 time as a field for date and time holds it, in the reader's zone; '' for what is none. */
export function localOf(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '';
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
  return local.replace(/(?::00)?\.000$/, '');
}

/**
 * What such a field holds, as RFC 3339 in UTC; '' for what is none.
 * @param before the time that it was filled from, which an unchanged field still means: to the last digit, and in an hour that comes twice
 */
export function instantOf(local: string, before = ''): string {
  if (local !== '' && local === localOf(before)) return before;
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? '' : at.toISOString();
}
