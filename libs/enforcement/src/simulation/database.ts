import { prunable, type EnforcerRow, type ExchangeView } from '../authority.js';
import { type Marker, type Position } from '../messages.js';
import { type Machine, type World } from './world.js';

const pageSize = 3;

/** What a database had committed at some instant. */
export interface Backup {
  readonly rows: ReadonlyMap<string, EnforcerRow>;
  readonly revoked: ReadonlySet<string>;
  readonly seq: number;
  readonly markers: readonly (Marker & { at: number })[];
}

/** One authority's primary: committed tables, row locks, transactions whose steps take time. */
export class Database {
  rows = new Map<string, EnforcerRow>();
  revoked = new Set<string>();
  /** How often it was put back. */
  #life = 0;
  #backup: Backup | undefined;
  /** The life of which it is known that whoever holds a lease has a row. */
  #settled = 0;
  #seq = 0;
  #sequence = 0;
  #markers: (Marker & { at: number })[] = [];
  readonly #locks = new Map<string, (() => void)[]>();

  constructor(
    readonly world: World,
    /** Without it seqs come from a sequence and commits happen in any order. */
    readonly commitOrdered: boolean,
  ) {}

  get history(): string {
    return `h${this.#life}`;
  }

  get settled(): boolean {
    return this.#settled === this.#life;
  }

  settle(): void {
    this.#settled = this.#life;
  }

  get head(): Position {
    return { history: this.history, seq: this.#seq };
  }

  /** What one statement sees. */
  view(id: string, after: number, page = pageSize): ExchangeView {
    const later = this.#markers.filter((marker) => marker.seq > after).sort((one, other) => one.seq - other.seq);
    const markers = later.slice(0, page).map(({ at: _, ...marker }) => marker);
    return { row: this.rows.get(id), head: this.head, markers, complete: later.length <= page };
  }

  write(id: string, write: EnforcerRow | 'delete' | undefined): void {
    if (write === 'delete') this.rows.delete(id);
    else if (write) this.rows.set(id, write);
  }

  /** Change, marker, commit; `committed` runs on the client some time after. A client that dies before has changed nothing. */
  revoke(
    client: Machine,
    marker: Omit<Marker, 'seq'>,
    committed: (seq: number) => void,
    change: string | undefined,
    durable: (seq: number) => void,
  ): void {
    const life = this.#life;
    const commit = (seq: number): void => {
      if (life !== this.#life) return;
      durable(seq);
      this.#seq = Math.max(this.#seq, seq);
      this.#markers.push({ ...marker, seq, at: this.world.now });
      if (change) this.revoked.add(change);
      client.after(this.world.between(0, 20), () => committed(seq));
    };
    client.after(this.world.chance(0.3) ? this.world.between(0, 1200) : 3, () => {
      if (!this.commitOrdered) {
        const seq = ++this.#sequence;
        return client.after(this.world.chance(0.4) ? this.world.between(0, 800) : 2, () => commit(seq));
      }
      this.transaction(client, 'head', () => {
        const seq = this.#seq + 1;
        return () => commit(seq);
      });
    });
  }

  /** Lock, work (reads), wait, commit (writes), unlock. The lock of a client that dies is freed. */
  transaction(client: Machine, lock: string, work: () => () => void): void {
    const life = this.#life;
    const free = (): void => {
      if (life !== this.#life) return;
      const waiting = this.#locks.get(lock)!;
      const next = waiting.shift();
      if (next) next();
      else this.#locks.delete(lock);
    };
    const begin = (): void => {
      if (life !== this.#life) return;
      if (!client.alive) return free();
      let ended = false;
      const commit = work();
      client.after(this.world.chance(0.1) ? this.world.between(0, 400) : this.world.between(0, 4), () => {
        if (ended || life !== this.#life) return;
        ended = true;
        commit();
        free();
      });
      const watch = (): void => {
        if (ended) return;
        if (client.alive) return this.world.after(100, watch);
        ended = true;
        free();
      };
      this.world.after(100, watch);
    };
    const waiting = this.#locks.get(lock);
    if (waiting) waiting.push(begin);
    else {
      this.#locks.set(lock, []);
      begin();
    }
  }

  /** Keeps what is committed now, to be put back to. */
  backUp(): void {
    const { rows, revoked } = this;
    this.#backup = { rows: new Map(rows), revoked: new Set(revoked), seq: this.#seq, markers: [...this.#markers] };
  }

  get backup(): Backup | undefined {
    return this.#backup;
  }

  /** Puts it back: what was committed since is gone, what is under way never commits, and positions are of another history. */
  putBack({ rows, revoked, seq, markers }: Backup): void {
    this.#life += 1;
    this.rows = new Map(rows);
    this.revoked = new Set(revoked);
    this.#seq = this.#sequence = seq;
    this.#markers = [...markers];
    this.#locks.clear();
    this.#backup = undefined;
  }

  prune(): void {
    const aged = this.#markers.map((marker) => ({ ...marker, ageMs: this.world.now - marker.at }));
    const gone = new Set(prunable(aged, [...this.rows.values()]));
    this.#markers = this.#markers.filter((marker) => !gone.has(marker.seq));
  }
}
