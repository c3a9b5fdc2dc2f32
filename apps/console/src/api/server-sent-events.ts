/** One message of an event stream. */
export interface ServerSentEvent {
  readonly data: string;
  /** Of this message or the last one before it that had one: what `Last-Event-ID` says on the way back. */
  readonly id: string;
}

/**
 * Reads an event stream as it arrives, in pieces cut anywhere (HTML Living Standard, 9.2.6). What has no data, such as a heartbeat, is no
 * message, but its id counts.
 */
export class EventStreamReader {
  id = '';
  private line = '';
  private data: string[] = [];
  private endedByReturn = false;

  constructor(lastEventId = '') {
    this.id = lastEventId;
  }

  /** The messages that this piece completes. */
  read(piece: string): ServerSentEvent[] {
    const messages: ServerSentEvent[] = [];
    for (const character of piece) {
      const isSecondOfPair = this.endedByReturn && character === '\n';
      this.endedByReturn = character === '\r';
      if (isSecondOfPair) continue;
      if (character !== '\n' && character !== '\r') {
        this.line += character;
        continue;
      }
      if (this.line === '') {
        if (this.data.length > 0) messages.push({ data: this.data.join('\n'), id: this.id });
        this.data = [];
      } else {
        this.take(this.line);
        this.line = '';
      }
    }
    return messages;
  }

  private take(line: string): void {
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    if (field === 'id' && !value.includes('\0')) this.id = value;
  }
}
