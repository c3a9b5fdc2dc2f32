/** At most this many wait for a turn under one name. */
const mostWaiting = 64;

/** Lets work under one name run one after the other, within this process. */
export class Turns {
  private readonly queues = new Map<string, { last: Promise<unknown>; waiting: number }>();

  /** Undefined, without having run it, when too many wait already. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    const queue = this.queues.get(name) ?? { last: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= mostWaiting) return undefined;
    this.queues.set(name, queue);
    queue.waiting++;
    const turn = queue.last.then(work);
    queue.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      queue.waiting--;
      if (queue.waiting === 0) this.queues.delete(name);
    }
  }
}
