/** Buckets on which one permission is held. */
export type Resources = 'all' | readonly string[];

/** One (permission, resources) part of a grant that another grant lacks. */
export interface Excess {
  permission: string;
  /** Only for a bucket-bound permission: the buckets that exceed, sorted. */
  buckets?: Resources;
}

/**
 * What every grant of one lattice shares: the numbering of permissions. Two grants compare only if it is the same
 * object.
 */
export interface Numbering {
  readonly names: readonly string[];
  readonly bound: ReadonlySet<number>;
}

type Buckets = 'all' | ReadonlySet<string>;

/**
 * An immutable set of (permission, resources) pairs, in one canonical form: a bit for each permission held and, for
 * each bucket-bound one among them, its own buckets, never none. Buckets are kept for each permission and not once
 * for the grant: `read on a` joined with `write on b` must not become `write on a`, and only so are join and meet
 * exact.
 */
export class Grant {
  readonly #numbering: Numbering;
  readonly #mask: Uint32Array;
  readonly #buckets: ReadonlyMap<number, Buckets>;

  private constructor(numbering: Numbering, mask: Uint32Array, buckets: ReadonlyMap<number, Buckets>) {
    this.#numbering = numbering;
    this.#mask = mask;
    this.#buckets = buckets;
  }

  /** From pairs; pairs of one permission add up, a bound permission with no bucket is not held. */
  static of(numbering: Numbering, pairs: Iterable<readonly [permission: number, resources: Resources]>): Grant {
    const mask = new Uint32Array(Math.ceil(numbering.names.length / 32));
    const buckets = new Map<number, Buckets>();
    for (const [number, resources] of pairs) {
      if (!(number >= 0 && number < numbering.names.length)) throw new RangeError('no such permission number');
      if (!numbering.bound.has(number)) {
        setBit(mask, number);
      } else if (resources === 'all' || resources.length > 0) {
        setBit(mask, number);
        const more = resources === 'all' ? resources : new Set(resources);
        buckets.set(number, joinBuckets(buckets.get(number), more));
      }
    }
    return new Grant(numbering, mask, buckets);
  }

  allows(number: number, bucket: string | undefined): boolean {
    if (((this.#mask[number >>> 5] ?? 0) & (1 << (number & 31))) === 0) return false;
    const buckets = this.#buckets.get(number);
    if (buckets === undefined || buckets === 'all') return true;
    return bucket !== undefined && buckets.has(bucket);
  }

  meet(other: Grant): Grant {
    this.#mustMatch(other);
    const mask = this.#mask.map((word, at) => word & (other.#mask[at] ?? 0));
    const buckets = new Map<number, Buckets>();
    for (const [number, mine] of this.#buckets) {
      const theirs = other.#buckets.get(number);
      if (theirs === undefined) continue;
      const both = meetBuckets(mine, theirs);
      if (both === 'all' || both.size > 0) buckets.set(number, both);
      else clearBit(mask, number);
    }
    return new Grant(this.#numbering, mask, buckets);
  }

  join(other: Grant): Grant {
    this.#mustMatch(other);
    const mask = this.#mask.map((word, at) => word | (other.#mask[at] ?? 0));
    const buckets = new Map(this.#buckets);
    for (const [number, theirs] of other.#buckets) buckets.set(number, joinBuckets(buckets.get(number), theirs));
    return new Grant(this.#numbering, mask, buckets);
  }

  /** The parts of this grant that `maker` lacks, by permission name. */
  beyond(maker: Grant): Excess[] {
    this.#mustMatch(maker);
    const excess: Excess[] = [];
    for (const [number, permission] of this.#numbering.names.entries()) {
      if (!hasBit(this.#mask, number)) continue;
      const mine = this.#buckets.get(number);
      if (mine === undefined) {
        if (!hasBit(maker.#mask, number)) excess.push({ permission });
        continue;
      }
      const theirs = maker.#buckets.get(number) ?? new Set<string>();
      if (theirs === 'all') continue;
      if (mine === 'all') excess.push({ permission, buckets: 'all' });
      else {
        const missing = [...mine].filter((bucket) => !theirs.has(bucket)).sort();
        if (missing.length > 0) excess.push({ permission, buckets: missing });
      }
    }
    return excess;
  }

  names(): string[] {
    return this.#numbering.names.filter((_, number) => hasBit(this.#mask, number));
  }

  resources(): Record<string, Resources> {
    const numbers = [...this.#buckets.keys()].sort((a, b) => a - b);
    return Object.fromEntries(
      numbers.map((number) => {
        const buckets = this.#buckets.get(number) ?? new Set();
        return [this.#numbering.names[number] ?? '', buckets === 'all' ? 'all' : [...buckets].sort()];
      }),
    );
  }

  isOf(numbering: Numbering): boolean {
    return this.#numbering === numbering;
  }

  #mustMatch(other: Grant): void {
    if (this.#numbering !== other.#numbering)
      throw new TypeError('grants of two different lattices cannot be compared');
  }
}

/**
 * Whether the grant holds the permission, by its number in the lattice that made the grant (-1, an unknown name, is
 * never held). A mask test and, only for a bucket-bound permission, one set look-up. A bound permission asked for
 * without a bucket is asked for on every bucket.
 */
export function allows(grant: Grant, permissionIndex: number, bucket?: string): boolean {
  return permissionIndex >= 0 && grant.allows(permissionIndex, bucket);
}

/** What `child` has and `maker` lacks, ordered by permission; empty exactly when `child` is contained in `maker`. */
export function within(child: Grant, maker: Grant): Excess[] {
  return child.beyond(maker);
}

/** The greatest grant that neither exceeds. Throws TypeError for grants of two lattices. */
export function meet(a: Grant, b: Grant): Grant {
  return a.meet(b);
}

/** The least grant that exceeds neither. Throws TypeError for grants of two lattices. */
export function join(a: Grant, b: Grant): Grant {
  return a.join(b);
}

/** Whether both hold the same pairs. Throws TypeError for grants of two lattices. */
export function sameGrant(a: Grant, b: Grant): boolean {
  return a.beyond(b).length === 0 && b.beyond(a).length === 0;
}

function joinBuckets(a: Buckets | undefined, b: Buckets): Buckets {
  if (a === undefined) return b;
  return a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b]);
}

function meetBuckets(a: Buckets, b: Buckets): Buckets {
  if (a === 'all') return b;
  return b === 'all' ? a : new Set([...a].filter((bucket) => b.has(bucket)));
}

function hasBit(mask: Uint32Array, number: number): boolean {
  return ((mask[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0;
}

function setBit(mask: Uint32Array, number: number): void {
  mask[number >>> 5] = (mask[number >>> 5] ?? 0) | (1 << (number & 31));
}

function clearBit(mask: Uint32Array, number: number): void {
  mask[number >>> 5] = (mask[number >>> 5] ?? 0) & ~(1 << (number & 31));
}
