import { type Instant } from '../lease.js';

/** Virtual time, one seeded source of chance, and a queue of what happens next. */
export class World {
  now = 0;
  readonly #heap: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 0x9e3779b9) | 0;
    for (let i = 0; i < 4; i++) this.random();
  }

  /** mulberry32. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  between(least: number, most: number): number {
    return least + this.random() * (most - least);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random() * items.length)];
  }

  /** Mostly quick, now and then slow enough to overtake everything else. */
  delay(): number {
    return this.chance(0.06) ? this.between(50, 1500) : this.between(1, 15);
  }

  after(delayMs: number, run: () => void): void {
    const heap = this.#heap;
    const event = { at: this.now + delayMs, order: this.#order++, run };
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  run(untilMs: number, stop: () => boolean): void {
    for (let event = this.#heap[0]; event && event.at <= untilMs && !stop(); event = this.#heap[0]) {
      this.#shift();
      this.now = event.at;
      event.run();
    }
  }

  #shift(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/** A process on a machine: it can be stopped, suspended or killed, and its clocks are its own. */
export class Machine {
  alive = true;
  readonly #rate: number;
  readonly #startMs: number;
  #monotonicLostMs = 0;
  #wallMs: number;
  #heldUntilMs = 0;

  constructor(
    readonly world: World,
    /** The wall clock is looked at; without it only the monotonic one is. */
    readonly useWall: boolean,
  ) {
    this.#rate = world.between(0.99, 1.01);
    this.#startMs = world.between(0, 1e6);
    this.#wallMs = world.between(-1e6, 1e6);
  }

  /** Do it when the process gets to run; never if it has died by then. */
  run(what: () => void): void {
    if (!this.alive) return;
    if (this.world.now >= this.#heldUntilMs) return what();
    // Whatever piled up during a pause is worked off in any order.
    this.world.after(this.#heldUntilMs - this.world.now + this.world.between(0, 5), () => this.run(what));
  }

  after(delayMs: number, what: () => void): void {
    this.world.after(delayMs, () => this.run(what));
  }

  clock(): Instant {
    const passed = this.world.now * this.#rate;
    const monotonicMs = this.#startMs + passed - this.#monotonicLostMs;
    return { monotonicMs, wallMs: this.useWall ? passed + this.#wallMs : monotonicMs };
  }

  /** SIGSTOP and SIGCONT. */
  pause(forMs: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, this.world.now + forMs);
  }

  /** The lid is shut, or the virtual machine frozen: the monotonic clock stands still meanwhile. */
  suspend(forMs: number): void {
    if (this.world.now < this.#heldUntilMs) return;
    this.pause(forMs);
    this.#monotonicLostMs += forMs * this.#rate;
  }

  jump(byMs: number): void {
    this.#wallMs += byMs;
  }
}

function before(one: { at: number; order: number }, other: { at: number; order: number }): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
