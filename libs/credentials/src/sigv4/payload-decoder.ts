import { Transform, type TransformCallback } from 'node:stream';
import { type Secret } from '../secret.js';
import { BodyChecks } from './body-checks.js';
import { signingKeyBytes } from './canonical-request.js';
import { ChunkedBody } from './chunked-body.js';
import { blockBytes, HeldBytes } from './held-bytes.js';
import { type S3Signature } from './read-signature.js';
import { S3Fault } from './s3-fault.js';

export interface PayloadDecoderOptions {
  /**
   * Of CompleteMultipartUpload, whose x-amz-checksum-* speak of the finished object and not of this body: they are left to the
   * upstream. False unless set.
   */
  readonly checksumIsOfObject?: boolean;
  /** Told how many bytes the next signed chunk will keep in memory, in place of the one before. What it throws ends the stream. */
  readonly holding?: (bytes: number) => void;
}

/**
 * A Transform from a request's body as received to its plain bytes, verified: the digest or the chunks' signatures, the
 * declared length, Content-MD5, the checksum in a header or trailer. Where the body's end decides, the last piece is held back
 * until then, so a receiver that counts on a Content-Length never has a whole body that is wrong. Of an empty body nothing can
 * be held back: where `payload.decodedLength` is 0, wait for the end before anything is sent on.
 *
 * Throws {@link S3Fault} if the signature does not verify under this key or a header can be no checksum; the stream is
 * destroyed with an S3Fault for a body that is not what was signed. Memory: a piece, or one signed chunk (16 MiB at most).
 */
export function payloadDecoder(
  signature: S3Signature,
  signingKey: Secret | Buffer,
  rawHeaders: readonly string[],
  options: PayloadDecoderOptions = {},
): Transform {
  // Again, whatever the caller did: no kind of payload may make the request's own signature go unchecked (CVE-2026-41145).
  if (!signature.verify(signingKey)) throw signatureDoesNotMatch();
  return new PayloadDecoder(signature, signingKeyBytes(signingKey), rawHeaders, options);
}

/** The answer to a wrong signature. */
export function signatureDoesNotMatch(): S3Fault {
  return new S3Fault(
    'SignatureDoesNotMatch',
    'signature_mismatch',
    'The signature does not match. Check the secret access key, and that no proxy changes host, path, query or signed headers.',
  );
}

interface Body {
  write(bytes: Buffer): void;
  end(): void;
}

class PayloadDecoder extends Transform {
  private readonly checks: BodyChecks;
  private readonly body: Body;
  private readonly held = new HeldBytes();
  private last: Buffer | null = null;

  constructor(
    { payload, signature, timestamp, scope }: S3Signature,
    signingKey: Buffer,
    rawHeaders: readonly string[],
    { checksumIsOfObject = false, holding = () => undefined }: PayloadDecoderOptions,
  ) {
    super({ readableHighWaterMark: 256 * 1024 });
    this.checks = new BodyChecks(payload, rawHeaders, { ofObject: checksumIsOfObject });
    const release = (plain: Buffer): void => this.release(plain);
    this.body =
      payload.kind === 'digest' || payload.kind === 'unsigned'
        ? { write: release, end: () => undefined }
        : new ChunkedBody(payload, { signingKey, timestamp, scope, seed: signature }, this.checks, {
            release,
            holding,
          });
  }

  override _transform(bytes: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    settle(done, () => {
      this.body.write(bytes);
      // While the reader has enough to do, small pieces gather: a Buffer for each byte would cost two hundred times the bytes.
      if (this.readableLength === 0 || this.held.length >= blockBytes) this.passOn();
    });
  }

  override _flush(done: TransformCallback): void {
    settle(done, () => {
      this.body.end();
      this.checks.verify();
      this.passOn();
      if (this.last) this.push(this.last);
    });
  }

  private release(plain: Buffer): void {
    if (plain.length === 0) return;
    this.checks.update(plain);
    this.held.push(plain);
  }

  /** All but the last piece. */
  private passOn(): void {
    for (const piece of this.held.take()) {
      if (this.last) this.push(this.last);
      this.last = piece;
    }
  }
}

function settle(done: TransformCallback, step: () => void): void {
  try {
    step();
  } catch (fault) {
    done(fault as Error);
    return;
  }
  done();
}
