import { createServer, connect, type Socket } from 'node:net';
import { type AddressInfo } from 'node:net';

export interface Cable {
  readonly port: number;
  /** Breaks what is connected and lets nothing through until `plug`. */
  unplug(): void;
  plug(): void;
  /** Keeps connections open and carries nothing, as a network does that drops packets. */
  hold(): void;
  close(): Promise<void>;
}

/** A cable to a server on this machine that a spec may pull without touching the server, which other specs use as well. */
export async function cableTo(port: number): Promise<Cable> {
  const ends = new Set<Socket>();
  let state: 'plugged' | 'unplugged' | 'held' = 'plugged';
  const server = createServer((near) => {
    if (state === 'unplugged') return near.destroy();
    const far = connect(port, '127.0.0.1');
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(end);
      end.on('error', () => undefined);
      end.on('close', () => {
        ends.delete(end);
        other.destroy();
      });
      end.pipe(other);
      if (state === 'held') end.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => ends.forEach((end) => end.destroy());
  return {
    port: (server.address() as AddressInfo).port,
    unplug: () => {
      state = 'unplugged';
      cut();
    },
    plug: () => {
      state = 'plugged';
      ends.forEach((end) => end.resume());
    },
    hold: () => {
      state = 'held';
      ends.forEach((end) => end.pause());
    },
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
