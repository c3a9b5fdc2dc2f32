import { type Tag } from './messages.js';

/** Things by the tags they carry. */
export class TagIndex<T extends { readonly tags: readonly Tag[] }> {
  readonly #byTag = new Map<Tag, Set<T>>();

  add(item: T): void {
    for (const tag of item.tags) {
      const items = this.#byTag.get(tag);
      if (items) items.add(item);
      else this.#byTag.set(tag, new Set([item]));
    }
  }

  delete(item: T): void {
    for (const tag of item.tags) {
      const items = this.#byTag.get(tag);
      if (items?.delete(item) && items.size === 0) this.#byTag.delete(tag);
    }
  }

  /** A copy: callers delete while they walk it. */
  matching(tag: Tag): T[] {
    return [...(this.#byTag.get(tag) ?? [])];
  }
}

/** A bounded table, least recently used first out, from which everything under a tag can be dropped. */
export class TaggedCache<T extends { readonly key: string; readonly tags: readonly Tag[] }> {
  readonly #maxEntries: number;
  readonly #entries = new Map<string, T>();
  readonly #index = new TagIndex<T>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Least recently used first. */
  entries(): IterableIterator<T> {
    return this.#entries.values();
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  set(entry: T): void {
    this.delete(entry.key);
    this.#entries.set(entry.key, entry);
    this.#index.add(entry);
    if (this.#entries.size <= this.#maxEntries) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.delete(oldest.value);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#index.delete(entry);
  }

  dropTag(tag: Tag): void {
    for (const entry of this.#index.matching(tag)) this.delete(entry.key);
  }

  dropWhere(matches: (entry: T) => boolean): void {
    for (const entry of [...this.#entries.values()]) if (matches(entry)) this.delete(entry.key);
  }
}
