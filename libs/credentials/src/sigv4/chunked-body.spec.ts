import fc from 'fast-check';
import { chunked, region, sha256, wire } from '../../spec/s3-requests.js';
import {
  checksum,
  decoded,
  expectRefused,
  hello,
  key,
  modes,
  ofMode,
  type Outcome,
  plain,
  signedStreams,
  streams,
  trailer,
  upload,
} from '../../spec/s3-uploads.js';
import { describeVectors } from '../../spec/vectors.js';
import { Secret } from '../secret.js';
import { s3SigningKey } from './canonical-request.js';
import { checksumNames } from './checksum.js';
import { payloadDecoder } from './payload-decoder.js';
import { readS3Signature, type S3Signature } from './read-signature.js';

test.each(signedStreams)('%s: no byte of the framing, the data or the trailer can be changed', async (name) => {
  const sent = await ofMode(name);
  const body = wire(sent.parts);
  await fc.assert(
    fc.asyncProperty(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const changed = Buffer.from(body);
      changed[at] = (changed[at] ?? 0) ^ mask;
      const { out, fault } = await decoded(sent, [changed]);
      // Hex digits of a size have two spellings; all else has one.
      if (fault) expect(out.length).toBeLessThan(hello.length);
      else expect(out.equals(hello)).toBe(true);
      if (!fault) expect(changed.toString('latin1').toLowerCase()).toBe(body.toString('latin1').toLowerCase());
    }),
    { numRuns: 100 },
  );
});

describe.each(signedStreams)('%s: chunks', (name) => {
  const moves: [string, (chunks: Buffer[]) => Buffer[]][] = [
    ['in another order', ([a, b, c, last]) => [b, a, c, last] as Buffer[]],
    ['one twice', ([a, , c, last]) => [a, a, c, last] as Buffer[]],
    [
      "under another's signature",
      ([a, b, c, last]) => {
        const signature = (a as Buffer).subarray(4, 84);
        (b as Buffer).set(signature, 4);
        return [a, b, c, last] as Buffer[];
      },
    ],
    [
      'with a byte changed',
      (chunks) => {
        const second = chunks[1] as Buffer;
        second[500] = (second[500] ?? 0) ^ 1;
        return chunks;
      },
    ],
  ];
  test.each(moves)('%s', async (_, move) => {
    const sent = await ofMode(name);
    const chunks = move(sent.parts.chunks.map((chunk) => Buffer.from(chunk)));
    const outcome = await decoded(sent, [wire({ ...sent.parts, chunks })]);
    expectRefused(outcome, { code: 'SignatureDoesNotMatch', reason: 'chunk_signature_mismatch' });
    // Of what follows the fault nothing was released: at most the first chunk.
    expect(outcome.out.length).toBeLessThanOrEqual(3000);
  });

  test('of another request', async () => {
    const other = await ofMode(name, { 'x-amz-meta-a': '1' });
    const sent = await ofMode(name);
    expectRefused(await decoded(sent, [wire(other.parts)]), { code: 'SignatureDoesNotMatch' });
  });

  test('one left out', async () => {
    const sent = await ofMode(name);
    const [a, , c, last] = sent.parts.chunks;
    const outcome = await decoded(sent, [wire({ ...sent.parts, chunks: [a, c, last] as Buffer[] })]);
    expectRefused(outcome, { code: 'SignatureDoesNotMatch' });
  });

  test('a size that memory would have to hold', async () => {
    const huge = 17 * 1024 * 1024;
    const sent = await upload({
      'x-amz-content-sha256': name,
      ...modes[name]?.headers,
      'x-amz-decoded-content-length': String(huge),
    });
    const line = Buffer.from(`${huge.toString(16)};chunk-signature=${'0'.repeat(64)}\r\n`);
    expect((await decoded(sent, [line])).fault).toMatchObject({ reason: 'chunk_too_large' });
  });
});

describe('the grammar of chunks', () => {
  const of = (name: string, edit: (text: string) => string): Promise<Outcome> =>
    ofMode(name).then((sent) => decoded(sent, [Buffer.from(edit(wire(sent.parts).toString('latin1')), 'latin1')]));
  const sizes: [string, (size: string) => string][] = [
    ['a sign', (size) => `+${size}`],
    ['0x', (size) => `0x${size}`],
    ['a space before', (size) => ` ${size}`],
    ['nine digits', (size) => size.padStart(9, '0')],
    ['no digits', () => ''],
    ['letters', () => 'xyz'],
    ['another extension', (size) => `${size};a=b`],
  ];
  const table = streams.flatMap((name) => sizes.map(([what, edit]) => [name, what, edit] as const));

  test.each(table)('%s: a size with %s', async (name, _, edit) => {
    expectRefused(await of(name, (text) => text.replace('bb8', edit('bb8'))), {
      code: 'InvalidRequest',
      reason: 'chunk_header',
    });
  });

  test('a signature where none belongs, and none where one does', async () => {
    const unsigned = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
    const signature = `;chunk-signature=${'0'.repeat(64)}`;
    expectRefused(await of(unsigned, (text) => text.replace('bb8', `bb8${signature}`)), { reason: 'chunk_header' });
    for (const name of signedStreams) {
      expectRefused(await of(name, (text) => text.replace(/;chunk-signature=\w+/, '')), { reason: 'chunk_header' });
      expectRefused(await of(name, (text) => text.replace('chunk-signature', 'Chunk-Signature')), {
        reason: 'chunk_header',
      });
    }
  });

  test.each(streams)('%s: bare line feeds, endless lines, more data than the size says', async (name) => {
    expectRefused(await of(name, (text) => text.replaceAll('\r\n', '\n')), { code: 'InvalidRequest' });
    expectRefused(await of(name, () => '0'.repeat(5000)), { reason: 'line_too_long' });
    expectRefused(await of(name, (text) => text.replace('hello', 'hello!')), { reason: 'data_too_long' });
  });

  test.each(streams)('%s: nothing may follow', async (name) => {
    const sent = await ofMode(name);
    for (const more of ['\r\n', 'x', '0\r\n\r\n']) {
      const body = [wire(sent.parts), Buffer.from(more)];
      expectRefused(await decoded(sent, body), { code: 'InvalidRequest', reason: 'data_after_end' });
    }
  });

  test.each(streams)('%s: other than x-amz-decoded-content-length bytes', async (name) => {
    for (const [length, expected] of [
      [hello.length - 1, { reason: 'body_too_long' }],
      [hello.length + 1, { code: 'IncompleteBody' }],
    ] as const) {
      const sent = await ofMode(name, { 'x-amz-decoded-content-length': String(length) });
      expect((await decoded(sent, [wire(sent.parts)])).fault).toMatchObject(expected);
    }
  });
});

describe('a trailer', () => {
  const withTrailer = streams.filter((name) => name.endsWith('TRAILER'));
  const of = async (name: string, edit: (text: string) => string): Promise<Outcome> => {
    const sent = await ofMode(name);
    return decoded(sent, [wire({ ...sent.parts, trailer: edit(sent.parts.trailer) })]);
  };
  const wrong = checksum('crc32c', Buffer.from('another'));

  test.each(withTrailer)('%s: of every algorithm, right and wrong', async (name) => {
    for (const algorithm of checksumNames) {
      const header = `x-amz-checksum-${algorithm}`;
      const sent = await ofMode(name, { 'x-amz-trailer': header });
      const signing = name.includes('AWS4') ? { seed: sent.signature.signature, key } : {};
      const body = (value: string): Buffer[] => [
        wire(chunked(plain, { ...signing, trailer: { name: header, value } })),
      ];
      expect((await decoded(sent, body(checksum(algorithm)))).fault).toBeNull();
      const other = checksum(algorithm, Buffer.from('another'));
      expectRefused(await decoded(sent, body(other)), { code: 'BadDigest', status: 400 });
      expectRefused(await decoded(sent, body('AAAA')), { code: 'MalformedTrailerError' });
    }
  });

  test.each(withTrailer)('%s: missing, of another name, in capitals, twice, undeclared', async (name) => {
    const code = 'MalformedTrailerError';
    const line = `${trailer.name}:${trailer.value}\r\n`;
    expectRefused(await of(name, () => '\r\n'), { code, reason: 'trailer_missing' });
    expectRefused(await of(name, (text) => text.replace('crc32c', 'crc32')), { code });
    expectRefused(await of(name, (text) => text.replace('x-amz-checksum', 'X-Amz-Checksum')), { code });
    expectRefused(await of(name, (text) => line + text), { code });
    expectRefused(await of(name, (text) => text.replace(/\r\n$/, 'x-amz-meta-a:b\r\n\r\n')), {
      code,
      reason: 'trailer_undeclared',
    });
    expectRefused(await of(name, (text) => text.replace(':', ': ')), { code });
  });

  test('undeclared where the mode has none', async () => {
    const outcome = await of(
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      (text) => `${trailer.name}:${trailer.value}\r\n${text}`,
    );
    expectRefused(outcome, { code: 'MalformedTrailerError', reason: 'trailer_undeclared' });
  });

  test('of a signed stream cannot be changed, nor its signature left out', async () => {
    const name = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
    expectRefused(await of(name, (text) => text.replace(trailer.value, wrong)), { code: 'SignatureDoesNotMatch' });
    expectRefused(await of(name, (text) => text.replace(/x-amz-trailer-signature.*\r\n/, '')), {
      reason: 'trailer_signature',
    });
    expectRefused(await of(name, (text) => text.replace(/signature:\w{64}/, `signature:${'0'.repeat(64)}`)), {
      code: 'SignatureDoesNotMatch',
    });
  });

  test.each(withTrailer)('%s: the line feed that minio-go puts behind its value is taken', async (name) => {
    expect((await of(name, (text) => text.replace('\r\n', '\n\r\n'))).fault).toBeNull();
  });
});

describeVectors('aws-docs-s3-sigv4', (vectors) => {
  interface Stream {
    name: string;
    method: string;
    canonicalUri: string;
    headers: Record<string, string>;
    seedSignature: string;
    chunks: { size: number; sizeHex: string; signature: string }[];
    trailer?: { header: string; value: string; signature: string };
    wireLength: number;
    wireSha256: string;
  }
  const docs = vectors.json<{ credentials: { accessKeyId: string; secretAccessKey: string }; streaming: Stream[] }>(
    'vectors.json',
  );

  test.each(docs.streaming.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const credential = `${docs.credentials.accessKeyId}/20130524/us-east-1/s3/aws4_request`;
    const signed = Object.keys(one.headers).sort().join(';');
    const rawHeaders = [
      ...Object.entries(one.headers).flat(),
      'Authorization',
      `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${signed},Signature=${one.seedSignature}`,
    ];
    const head = { method: one.method, target: one.canonicalUri, rawHeaders };
    const signature = readS3Signature(head, {
      now: new Date('2013-05-24T00:00:00Z'),
      region,
      allowUnsignedPayload: false,
    });
    const signingKey = s3SigningKey(Secret.of(docs.credentials.secretAccessKey), '20130524', region);
    const body = Buffer.from(
      one.chunks
        .map(
          ({ size, sizeHex, signature: of }) =>
            `${sizeHex};chunk-signature=${of}\r\n${'a'.repeat(size)}${size > 0 ? '\r\n' : ''}`,
        )
        .join('') +
        (one.trailer
          ? `${one.trailer.header}:${one.trailer.value}\r\nx-amz-trailer-signature:${one.trailer.signature}\r\n`
          : '') +
        '\r\n',
    );
    expect([body.length, sha256(body)]).toEqual([one.wireLength, one.wireSha256]);
    const decoder = payloadDecoder(signature as S3Signature, signingKey, rawHeaders);
    decoder.end(body);
    const out: Buffer[] = [];
    for await (const piece of decoder) out.push(piece as Buffer);
    expect(Buffer.concat(out).toString()).toBe('a'.repeat(66560));
  });
});
