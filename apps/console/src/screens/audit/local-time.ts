/** An RFC 3339 time as a field for date and time holds it, in the reader's zone; '' for what is none. */
export function localOf(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '';
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
  return local.replace(/(?::00)?\.000$/, '');
}

/** What such a field holds, as RFC 3339 in UTC; '' for what is none. */
export function instantOf(local: string): string {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? '' : at.toISOString();
}
