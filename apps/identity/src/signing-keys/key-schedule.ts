/** When a signing key signs. It is published from its creation until the last token that it signed is over. */
export interface KeyTerm {
  signsFrom: Date;
  retiresAt: Date;
}

/** The configuration of rotation. */
export interface Rotation {
  periodMilliseconds: number;
  /** How long after its retirement something that a key signed can still be valid. */
  keepMilliseconds: number;
}

/**
 * How long before its first use a key is made and published: half a day, or half a short period. Verifiers that fetch keys
 * once an hour have it long before they need it.
 */
export function leadMilliseconds({ periodMilliseconds }: Rotation): number {
  return Math.min(43_200_000, periodMilliseconds / 2);
}

/** The term of the key that has to be made now, or undefined. Without a usable key (first start, long sleep) it signs at once. */
export function nextTerm(terms: readonly KeyTerm[], now: Date, rotation: Rotation): KeyTerm | undefined {
  const lastRetires = Math.max(...terms.map((term) => term.retiresAt.getTime()));
  const nowMilliseconds = now.getTime();
  if (lastRetires - nowMilliseconds > leadMilliseconds(rotation)) return undefined;
  const signsFrom = Math.max(lastRetires, nowMilliseconds);
  return { signsFrom: new Date(signsFrom), retiresAt: new Date(signsFrom + rotation.periodMilliseconds) };
}

/**
 * The key that signs at `now`: the youngest whose term it is. Before all terms, as on a machine whose clock was set back or
 * lags behind the replica that made the first key, it is the oldest: a key is published from its creation, so it does no harm.
 */
export function signingAt<Key extends KeyTerm>(keys: readonly Key[], now: Date): Key | undefined {
  const [oldest, ...younger] = keys
    .filter((key) => now < key.retiresAt)
    .sort((a, b) => a.signsFrom.getTime() - b.signsFrom.getTime());
  return younger.findLast((key) => key.signsFrom <= now) ?? oldest;
}

/** Whether a key is still needed to verify what it signed. */
export function isPublished(term: KeyTerm, now: Date, { keepMilliseconds }: Rotation): boolean {
  return now.getTime() < term.retiresAt.getTime() + keepMilliseconds;
}
