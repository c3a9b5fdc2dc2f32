import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A TCP cable to a port of this machine, for a client whose network is to fail. `cut` is what a network does that loses its way:
 * connections stay open, nobody hears anything, and what was said comes late, after `mend`. `sever` ends the connections, and those
 * that are tried meanwhile.
 */
export class Cable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isCut = false;
  #isSevered = false;

  private constructor(port: number) {
    this.#server = createServer((near) => this.#lay(near, port));
  }

  static async to(port: number): Promise<Cable> {
    const cable = new Cable(port);
    await once(cable.#server.listen(0, '127.0.0.1'), 'listening');
    return cable;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#isCut = true;
    for (const pair of this.#pairs) for (const end of pair) end.pause();
  }

  sever(): void {
    this.#isSevered = true;
    for (const pair of this.#pairs) for (const end of pair) end.destroy();
  }

  mend(): void {
    this.#isCut = this.#isSevered = false;
    for (const pair of this.#pairs) for (const end of pair) end.resume();
  }

  remove(): void {
    this.sever();
    this.#server.close();
  }

  #lay(near: Socket, port: number): void {
    if (this.#isSevered) return void near.destroy();
    const far = connect(port, '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (bytes) => void to.write(bytes));
      from.on('error', () => undefined); // `close` follows
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      if (this.#isCut) from.pause();
    }
  }
}
