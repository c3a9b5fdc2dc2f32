import { linesOf } from './canonical-request.js';
import { type ChecksumName, checksumNames } from './checksum.js';
import { S3Fault } from './s3-fault.js';

/** How the body is protected, and how many plain bytes it will have. */
export type S3Payload =
  | {
      readonly kind: 'digest';
      /** Lower-case hex. */
      readonly sha256: string;
      /** Null if only the body's end will tell: Transfer-Encoding. */
      readonly decodedLength: number | null;
    }
  | { readonly kind: 'unsigned'; readonly decodedLength: number | null }
  | {
      readonly kind: 'signed-chunks';
      /** The checksum that follows the last chunk, signed like it. */
      readonly trailer: ChecksumName | null;
      readonly decodedLength: number;
    }
  | { readonly kind: 'unsigned-trailer'; readonly trailer: ChecksumName; readonly decodedLength: number };

/** The words that x-amz-content-sha256 may hold instead of a hash. */
const words: Readonly<Record<string, Pick<S3Payload, 'kind'> & { readonly hasTrailer: boolean }>> = {
  'UNSIGNED-PAYLOAD': { kind: 'unsigned', hasTrailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { kind: 'signed-chunks', hasTrailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { kind: 'signed-chunks', hasTrailer: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { kind: 'unsigned-trailer', hasTrailer: true },
};

/**
 * Reads what x-amz-content-sha256 declares. Streams are recognised by it alone: minio-go sends signed chunks without
 * `Content-Encoding: aws-chunked`.
 * @param declared the header's value, whose signature is still to be checked
 */
export function readPayload(
  declared: string,
  rawHeaders: readonly string[],
  { allowUnsignedPayload }: { readonly allowUnsignedPayload: boolean },
): S3Payload {
  const word = Object.hasOwn(words, declared) ? words[declared] : undefined;
  if (!word && !/^[0-9a-f]{64}$/.test(declared)) {
    if (/^STREAMING-AWS4-ECDSA/.test(declared)) throw notSigV4A();
    throw new S3Fault(
      'InvalidRequest',
      'content_sha256_malformed',
      `x-amz-content-sha256 is the body's SHA-256 in lower-case hex or one of ${Object.keys(words).join(', ')}.`,
    );
  }
  const kind = word?.kind ?? 'digest';
  const streams = kind === 'signed-chunks' || kind === 'unsigned-trailer';
  if (!streams && hasBody(rawHeaders) && isAwsChunked(rawHeaders)) {
    throw new S3Fault(
      'InvalidRequest',
      'chunks_not_declared',
      'Content-Encoding says aws-chunked, x-amz-content-sha256 does not: set it to STREAMING-AWS4-HMAC-SHA256-PAYLOAD or its like.',
    );
  }
  if ((kind === 'unsigned' || kind === 'unsigned-trailer') && !allowUnsignedPayload && hasBody(rawHeaders)) {
    throw new S3Fault(
      'InvalidRequest',
      'unsigned_payload',
      'Without TLS the body has to be signed: use https, or send its SHA-256 in x-amz-content-sha256.',
    );
  }
  const trailers = trailersOf(rawHeaders);
  if (!word?.hasTrailer && trailers.length > 0) {
    throw new S3Fault(
      'InvalidRequest',
      'trailer_not_declared',
      'x-amz-trailer goes only with an x-amz-content-sha256 that ends in -TRAILER.',
    );
  }
  switch (kind) {
    case 'digest':
      return { kind, sha256: declared, decodedLength: contentLength(rawHeaders) };
    case 'unsigned':
      return { kind, decodedLength: contentLength(rawHeaders) };
    case 'signed-chunks':
      return {
        kind,
        trailer: word?.hasTrailer ? trailerOf(trailers) : null,
        decodedLength: decodedContentLength(rawHeaders),
      };
    case 'unsigned-trailer':
      return { kind, trailer: trailerOf(trailers), decodedLength: decodedContentLength(rawHeaders) };
  }
}

/** Whether HTTP says that a body follows. */
export function hasBody(rawHeaders: readonly string[]): boolean {
  const hasLength = linesOf(rawHeaders, 'content-length').some((line) => !/^ *0+ *$/.test(line));
  return hasLength || linesOf(rawHeaders, 'transfer-encoding').length > 0;
}

export function notSigV4A(): S3Fault {
  return new S3Fault(
    'NotImplemented',
    'sigv4a',
    'SigV4A (AWS4-ECDSA-P256-SHA256) is not supported: sign with AWS4-HMAC-SHA256.',
  );
}

/**
 * What Content-Encoding holds once the chunks are taken away: other codings stay ("aws-chunked,gzip" is gzip). Null if none is
 * left.
 */
export function contentEncodingWithoutChunks(rawHeaders: readonly string[]): string | null {
  return (
    codings(rawHeaders)
      .filter((coding) => coding.toLowerCase() !== 'aws-chunked')
      .join(',') || null
  );
}

function isAwsChunked(rawHeaders: readonly string[]): boolean {
  return codings(rawHeaders).some((coding) => coding.toLowerCase() === 'aws-chunked');
}

function codings(rawHeaders: readonly string[]): string[] {
  return linesOf(rawHeaders, 'content-encoding')
    .flatMap((line) => line.split(','))
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '');
}

function contentLength(rawHeaders: readonly string[]): number | null {
  // Neither header: no body (RFC 9112 section 6.3), and so nothing of which a last piece could be held back.
  if (!hasBody(rawHeaders)) return 0;
  const [line] = linesOf(rawHeaders, 'content-length');
  return line === undefined ? null : (bytesOf(line) ?? null);
}

function decodedContentLength(rawHeaders: readonly string[]): number {
  const lines = linesOf(rawHeaders, 'x-amz-decoded-content-length');
  const bytes = lines.length === 1 ? bytesOf(lines[0] ?? '') : undefined;
  if (bytes !== undefined) return bytes;
  if (lines.length > 0) {
    throw new S3Fault(
      'InvalidRequest',
      'decoded_length_malformed',
      'x-amz-decoded-content-length is the number of bytes before chunking, in decimal, once.',
    );
  }
  throw new S3Fault(
    'MissingContentLength',
    'decoded_length_missing',
    'A body in chunks needs x-amz-decoded-content-length: the number of bytes before chunking.',
  );
}

function bytesOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function trailersOf(rawHeaders: readonly string[]): string[] {
  return linesOf(rawHeaders, 'x-amz-trailer')
    .flatMap((line) => line.split(','))
    .map((name) => name.trim().toLowerCase());
}

function trailerOf(trailers: readonly string[]): ChecksumName {
  const [name] = trailers;
  const known = checksumNames.find((checksum) => `x-amz-checksum-${checksum}` === name);
  if (trailers.length === 1 && known) return known;
  throw new S3Fault(
    'InvalidRequest',
    'trailer_unknown',
    `x-amz-trailer names one checksum: x-amz-checksum- with ${checksumNames.join(', ')}.`,
  );
}
