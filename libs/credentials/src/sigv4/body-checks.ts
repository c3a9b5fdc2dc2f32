import { createHash } from 'node:crypto';
import { decodeBase64 } from '../base64url.js';
import { linesOf } from './canonical-request.js';
import { checksumBytes, type ChecksumName, checksumNames, type RunningChecksum, startChecksum } from './checksum.js';
import { type S3Payload } from './payload.js';
import { S3Fault } from './s3-fault.js';

/** `x-amz-checksum-` with these behind it says how, not what. */
const notValues = new Set(['algorithm', 'mode', 'type']);

interface Check {
  readonly running: RunningChecksum;
  /** Null until the trailer has come. */
  expected: Buffer | null;
  readonly wrong: () => S3Fault;
}

/** All that a request says of its plain body. Take the body, then `verify` once. */
export class BodyChecks {
  private readonly checks: Check[] = [];
  private readonly trailer: Check | null = null;
  private length = 0;

  /**
   * Throws {@link S3Fault} for a Content-MD5 or checksum that can be none, and for more than one checksum.
   * @param ofObject see `payloadDecoder`
   */
  constructor(
    private readonly payload: S3Payload,
    rawHeaders: readonly string[],
    { ofObject }: { readonly ofObject: boolean },
  ) {
    if (payload.kind === 'digest') {
      this.checks.push({
        running: createHash('sha256'),
        expected: Buffer.from(payload.sha256, 'hex'),
        wrong: () =>
          new S3Fault(
            'XAmzContentSHA256Mismatch',
            'sha256_mismatch',
            'The body does not have the SHA-256 of x-amz-content-sha256. It changed on the way, or another was signed: send it again.',
          ),
      });
    }
    const md5 = linesOf(rawHeaders, 'content-md5');
    if (md5.length > 0)
      this.checks.push({ running: createHash('md5'), expected: md5Of(md5), wrong: () => badDigest('Content-MD5') });
    const inHeader = ofObject ? null : checksumOf(rawHeaders);
    if (inHeader) {
      const { name, value } = inHeader;
      this.checks.push({
        running: startChecksum(name),
        expected: value,
        wrong: () => badDigest(`x-amz-checksum-${name}`),
      });
    }
    const trailer = 'trailer' in payload ? payload.trailer : null;
    if (trailer === null) return;
    if (inHeader) throw manyChecksums();
    this.trailer = {
      running: startChecksum(trailer),
      expected: null,
      wrong: () => badDigest(`x-amz-checksum-${trailer}`),
    };
    this.checks.push(this.trailer);
  }

  update(plain: Buffer): void {
    this.length += plain.length;
    const { decodedLength } = this.payload;
    if (decodedLength !== null && this.length > decodedLength) throw tooLong();
    for (const { running } of this.checks) running.update(plain);
  }

  /** @param text the trailer's value, in base64 */
  expectTrailer(name: ChecksumName, text: string): void {
    const value = decodeBase64(text);
    if (value?.length !== checksumBytes[name] || !this.trailer) {
      throw new S3Fault(
        'MalformedTrailerError',
        'trailer_malformed',
        `The trailer x-amz-checksum-${name} is base64 of ${checksumBytes[name]} bytes.`,
      );
    }
    this.trailer.expected = value;
  }

  verify(): void {
    const { decodedLength } = this.payload;
    if (decodedLength !== null && this.length < decodedLength) throw tooShort();
    const wrong = this.checks.find(({ running, expected }) => !expected || !running.digest().equals(expected));
    if (wrong) throw wrong.wrong();
  }
}

export function tooShort(): S3Fault {
  return new S3Fault(
    'IncompleteBody',
    'body_too_short',
    'You did not provide the number of bytes that the headers declare. Nothing was stored: send it again.',
  );
}

export function tooLong(): S3Fault {
  return new S3Fault(
    'InvalidRequest',
    'body_too_long',
    'The body has more bytes than the headers declare (x-amz-decoded-content-length counts them before chunking).',
  );
}

function md5Of(lines: readonly string[]): Buffer {
  const md5 = decodeBase64(lines[0]?.trim() ?? '');
  if (lines.length === 1 && md5?.length === 16) return md5;
  throw new S3Fault('InvalidDigest', 'md5_malformed', 'Content-MD5 is base64 of the 16 bytes of an MD5, once.');
}

function checksumOf(rawHeaders: readonly string[]): { name: ChecksumName; value: Buffer } | null {
  const prefix = 'x-amz-checksum-';
  const sent = rawHeaders
    .filter((_, at) => at % 2 === 0)
    .map((name) => name.toLowerCase())
    .filter((name) => name.startsWith(prefix) && !notValues.has(name.slice(prefix.length)));
  const [header] = sent;
  if (header === undefined) return null;
  if (sent.length > 1) throw manyChecksums();
  const name = checksumNames.find((one) => prefix + one === header);
  if (!name) {
    throw new S3Fault(
      'InvalidRequest',
      'checksum_unknown',
      `Checksums are x-amz-checksum- with ${checksumNames.join(', ')}.`,
    );
  }
  const value = decodeBase64(linesOf(rawHeaders, header)[0]?.trim() ?? '');
  if (value?.length === checksumBytes[name]) return { name, value };
  throw new S3Fault(
    'InvalidRequest',
    'checksum_malformed',
    `Value for ${header} header is invalid: it is base64 of ${checksumBytes[name]} bytes, highest first.`,
  );
}

function manyChecksums(): S3Fault {
  return new S3Fault(
    'InvalidRequest',
    'many_checksums',
    'Send one checksum: one x-amz-checksum-* header, or one trailer.',
  );
}

function badDigest(header: string): S3Fault {
  return new S3Fault(
    'BadDigest',
    'checksum_mismatch',
    `The body does not have the checksum of ${header}. It changed on the way: send it again.`,
  );
}
