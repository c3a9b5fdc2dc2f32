import { createHash, type Hash } from 'node:crypto';
import { type BodyChecks, tooLong, tooShort } from './body-checks.js';
import { emptySha256, hmac } from './canonical-request.js';
import { HeldBytes } from './held-bytes.js';
import { type S3Payload } from './payload.js';
import { sameSignature } from './read-signature.js';
import { S3Fault } from './s3-fault.js';

/** Signed chunks wait in memory for their signature; unsigned ones pass, so theirs are bounded by the length alone. */
export const maxSignedChunkBytes = 16 * 1024 * 1024;
const maxLineBytes = 1024;

type Expect = 'size' | 'data' | 'data-end' | 'trailer' | 'trailer-signature' | 'last-line' | 'nothing';

/** What the signatures of chunks are made of. */
export interface ChunkSigning {
  readonly signingKey: Buffer;
  readonly timestamp: string;
  readonly scope: string;
  /** The request's own: the first chunk's is chained to it. */
  readonly seed: string;
}

type Chunked = Extract<S3Payload, { kind: 'signed-chunks' | 'unsigned-trailer' }>;

/**
 * `aws-chunked`, in the one form that clients send: no other extension, no other line end. Bytes are released without a copy,
 * those of a signed chunk after its signature was verified; whatever is split where, the outcome is the same.
 */
export class ChunkedBody {
  private expect: Expect = 'size';
  /** Of the current chunk still to come. */
  private left = 0;
  private total = 0;
  private line = '';
  private previous: string;
  private chunkSignature = '';
  private trailerText = '';
  private hash: Hash = createHash('sha256');
  private readonly held = new HeldBytes();

  constructor(
    private readonly payload: Chunked,
    private readonly signing: ChunkSigning,
    private readonly checks: BodyChecks,
    private readonly out: { release(plain: Buffer): void; holding(bytes: number): void },
  ) {
    this.previous = signing.seed;
  }

  write(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) at = this.expect === 'data' ? this.readData(bytes, at) : this.readLine(bytes, at);
  }

  end(): void {
    if (this.expect !== 'nothing') throw tooShort();
  }

  private readData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.left);
    const piece = bytes.subarray(at, end);
    this.left -= piece.length;
    if (this.isSigned) {
      this.hash.update(piece);
      this.held.push(piece);
    } else {
      this.out.release(piece);
    }
    if (this.left === 0) this.expect = 'data-end';
    return end;
  }

  private readLine(bytes: Buffer, at: number): number {
    if (this.expect === 'nothing') {
      throw new S3Fault('InvalidRequest', 'data_after_end', 'Nothing may follow the last chunk and its trailer.');
    }
    if (this.expect === 'data-end') return this.readDataEnd(bytes, at);
    const lineFeed = bytes.indexOf(10, at);
    const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
    if (this.line.length + end - at > maxLineBytes) throw badChunk('line_too_long');
    this.line += bytes.toString('latin1', at, end);
    // A line ends with CR LF. A bare LF stays in it, for the grammar of that line to judge.
    if (!this.line.endsWith('\r\n')) return end;
    const line = this.line.slice(0, -2);
    this.line = '';
    this.takeLine(line);
    return end;
  }

  private readDataEnd(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + 2 - this.line.length);
    this.line += bytes.toString('latin1', at, end);
    if (this.line === '\r') return end;
    if (this.line !== '\r\n') throw badChunk('data_too_long');
    this.line = '';
    this.checkChunk();
    for (const piece of this.held.take()) this.out.release(piece);
    this.expect = 'size';
    return end;
  }

  private takeLine(line: string): void {
    switch (this.expect) {
      case 'size':
        return this.takeSize(line);
      case 'trailer':
        return this.takeTrailer(line);
      case 'trailer-signature':
        return this.takeTrailerSignature(line);
      default:
        if (line !== '') throw badTrailer('trailer_undeclared', 'A trailer came that x-amz-trailer does not name.');
        this.expect = 'nothing';
    }
  }

  private takeSize(line: string): void {
    const form = this.isSigned ? /^([0-9A-Fa-f]{1,8});chunk-signature=([0-9a-f]{64})$/ : /^([0-9A-Fa-f]{1,8})$/;
    const [, hex, signature = ''] = form.exec(line) ?? [];
    if (hex === undefined) throw badChunk('chunk_header');
    this.left = Number.parseInt(hex, 16);
    this.chunkSignature = signature;
    this.total += this.left;
    if (this.total > this.payload.decodedLength) throw tooLong();
    if (this.isSigned && this.left > maxSignedChunkBytes) {
      throw new S3Fault(
        'InvalidRequest',
        'chunk_too_large',
        `A signed chunk has at most ${maxSignedChunkBytes} bytes: use smaller ones.`,
      );
    }
    if (this.left > 0) {
      if (this.isSigned) this.out.holding(this.left);
      this.expect = 'data';
      return;
    }
    if (this.total < this.payload.decodedLength) throw tooShort();
    this.checkChunk();
    this.expect = this.payload.trailer === null ? 'last-line' : 'trailer';
  }

  /** minio-go, and AWS's own figure, put a line feed before the trailer's CR LF. */
  private takeTrailer(line: string): void {
    const { trailer } = this.payload;
    if (trailer === null) throw badTrailer('trailer_undeclared', 'A trailer came that x-amz-trailer does not name.');
    const [, name, value] = /^([^:\n]*):([^\n]*)\n?$/.exec(line) ?? [];
    if (name !== `x-amz-checksum-${trailer}` || value === undefined) {
      throw badTrailer(
        'trailer_missing',
        `The last chunk is followed by the trailer that x-amz-trailer names, as "x-amz-checksum-${trailer}:value".`,
      );
    }
    this.checks.expectTrailer(trailer, value);
    this.trailerText = `${name}:${value}\n`;
    this.expect = this.isSigned ? 'trailer-signature' : 'last-line';
  }

  private takeTrailerSignature(line: string): void {
    const [, signature] = /^x-amz-trailer-signature:([0-9a-f]{64})$/.exec(line) ?? [];
    if (signature === undefined) {
      throw badTrailer(
        'trailer_signature',
        'The trailer is followed by "x-amz-trailer-signature:" and 64 hex digits in lower case.',
      );
    }
    const digest = createHash('sha256').update(this.trailerText, 'latin1').digest('hex');
    this.checkChained(signature, 'AWS4-HMAC-SHA256-TRAILER', digest);
    this.expect = 'last-line';
  }

  private checkChunk(): void {
    if (!this.isSigned) return;
    const digest = this.hash.digest('hex');
    this.hash = createHash('sha256');
    this.checkChained(this.chunkSignature, 'AWS4-HMAC-SHA256-PAYLOAD', `${emptySha256}\n${digest}`);
  }

  private checkChained(signature: string, label: string, digests: string): void {
    const { signingKey, timestamp, scope } = this.signing;
    const text = [label, timestamp, scope, this.previous, digests].join('\n');
    if (!sameSignature(hmac(signingKey, text), signature)) {
      throw new S3Fault(
        'SignatureDoesNotMatch',
        'chunk_signature_mismatch',
        'The signature of a chunk or trailer does not match: it was changed, left out or moved. Nothing was stored: send it again.',
      );
    }
    this.previous = signature;
  }

  private get isSigned(): boolean {
    return this.payload.kind === 'signed-chunks';
  }
}

function badChunk(reason: string): S3Fault {
  return new S3Fault(
    'InvalidRequest',
    reason,
    'The body is not in aws-chunked form: a size in hex (in signed modes with ;chunk-signature=), CR LF, the data, CR LF.',
  );
}

function badTrailer(reason: string, message: string): S3Fault {
  return new S3Fault('MalformedTrailerError', reason, message);
}
