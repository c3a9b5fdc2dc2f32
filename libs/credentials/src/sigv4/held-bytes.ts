/** Below this a piece is copied: a Buffer of its own for each byte that a slow client sends would cost a hundred times the bytes. */
const smallBytes = 8 * 1024;
export const blockBytes = 64 * 1024;

/** Bytes that wait, in order. It costs little more memory than they have, however small the pieces were. */
export class HeldBytes {
  private pieces: Buffer[] = [];
  private block = Buffer.alloc(0);
  /** Of the block: [from, to) is filled and in no piece yet. */
  private from = 0;
  private to = 0;
  private held = 0;

  get length(): number {
    return this.held;
  }

  push(bytes: Buffer): void {
    this.held += bytes.length;
    if (bytes.length >= smallBytes) {
      this.cut();
      this.pieces.push(bytes);
      return;
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.to === this.block.length) {
        this.cut();
        this.block = Buffer.allocUnsafeSlow(blockBytes);
        this.from = this.to = 0;
      }
      const copied = bytes.copy(this.block, this.to, at);
      this.to += copied;
      at += copied;
    }
  }

  /** All of them; none is held any more. */
  take(): Buffer[] {
    this.cut();
    const { pieces } = this;
    this.pieces = [];
    this.held = 0;
    return pieces;
  }

  private cut(): void {
    if (this.to > this.from) this.pieces.push(this.block.subarray(this.from, this.to));
    this.from = this.to;
  }
}
