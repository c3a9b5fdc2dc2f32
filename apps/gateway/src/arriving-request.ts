import { IncomingMessage } from 'node:http';

const offered = Symbol('offered');
const taken = Symbol('taken');

/**
 * A request whose `upgrade` is true for a WebSocket handshake alone (RFC 6455 section 4.1), so that Node reads every other offer
 * (`h2c`, which Java's client makes with each request) as the ordinary request that it also is. For the server's `IncomingMessage`
 * option; newer Node has `shouldUpgradeCallback` for this.
 */
export class ArrivingRequest extends IncomingMessage {
  declare [offered]: boolean;
  declare [taken]: boolean | undefined;
  /** Of a handshake: what came behind its headers. Undefined on ordinary requests. */
  upgradeHead?: Buffer;

  // Node's constructor, its parser and its server set this, and the last two read it once the headers are there.
  get upgrade(): boolean {
    return this[offered] && (this[taken] ??= this.method === 'CONNECT' || this.#isHandshake());
  }

  set upgrade(value: boolean | null) {
    this[offered] = value === true;
  }

  /** An offer that was not taken. Node drops what is pipelined behind one that has no body, so its connection must end. */
  get passedOver(): boolean {
    return this[offered] && !this.upgrade;
  }

  #isHandshake(): boolean {
    const { headers, method, httpVersion, socket } = this;
    // Behind an answer that is still to be written there is no tunnel: its bytes would be the tunnel's.
    const answering = (socket as { _httpMessage?: unknown })._httpMessage;
    return (
      method === 'GET' &&
      httpVersion === '1.1' &&
      headers.upgrade?.toLowerCase() === 'websocket' &&
      headers['content-length'] === undefined &&
      headers['transfer-encoding'] === undefined &&
      !answering
    );
  }
}
