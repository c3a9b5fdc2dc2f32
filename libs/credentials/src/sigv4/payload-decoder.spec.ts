import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { chunked, type ChunkedParts, inHeader, now, region, secretText, sha256, wire } from '../../spec/s3-requests.js';
import { describeVectors } from '../../spec/vectors.js';
import { Secret } from '../secret.js';
import { s3SigningKey, signingKeyBytes } from './canonical-request.js';
import { type ChecksumName, checksumNames, startChecksum } from './checksum.js';
import { HeldBytes } from './held-bytes.js';
import { payloadDecoder, type PayloadDecoderOptions } from './payload-decoder.js';
import { readS3Signature, type S3RequestHead, type S3Signature } from './read-signature.js';
import { S3Fault } from './s3-fault.js';

const secret = s3SigningKey(Secret.of(secretText), '20261128', region);
const key = signingKeyBytes(secret);
const hello = Buffer.from('hello world, '.repeat(600));
const plain = [hello.subarray(0, 3000), hello.subarray(3000, 6000), hello.subarray(6000)];
const checksum = (name: ChecksumName, of: Buffer = hello): string => {
  const running = startChecksum(name);
  running.update(of);
  return running.digest().toString('base64');
};

interface Upload {
  readonly head: S3RequestHead;
  readonly signature: S3Signature;
}

async function upload(headers: Record<string, string>): Promise<Upload> {
  const head = await inHeader({ headers });
  const signature = readS3Signature(head, { now, region, allowUnsignedPayload: true });
  if (!signature) throw new Error('It is signed.');
  return { head, signature };
}

/** What came out, and how it ended. */
interface Outcome {
  readonly out: Buffer;
  readonly fault: S3Fault | null;
}

async function decoded(
  { head, signature }: Upload,
  body: readonly Buffer[],
  options?: PayloadDecoderOptions,
): Promise<Outcome> {
  const out: Buffer[] = [];
  try {
    const decoder = payloadDecoder(signature, secret, head.rawHeaders, options);
    Readable.from(body).pipe(decoder);
    for await (const piece of decoder) out.push(piece as Buffer);
    return { out: Buffer.concat(out), fault: null };
  } catch (fault) {
    if (!(fault instanceof S3Fault)) throw fault;
    return { out: Buffer.concat(out), fault };
  }
}

const bodyLength = String(hello.length);
const trailer = { name: 'x-amz-checksum-crc32c', value: checksum('crc32c') };

interface Mode {
  readonly headers: Record<string, string>;
  readonly parts: (seed: string) => ChunkedParts;
}

const chunkedHeaders = { 'transfer-encoding': 'chunked', 'x-amz-decoded-content-length': bodyLength };
const modes: Record<string, Mode> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': {
    headers: chunkedHeaders,
    parts: (seed) => chunked(plain, { seed, key }),
  },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': {
    headers: { ...chunkedHeaders, 'x-amz-trailer': trailer.name },
    parts: (seed) => chunked(plain, { seed, key, trailer }),
  },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': {
    headers: { ...chunkedHeaders, 'x-amz-trailer': trailer.name },
    parts: () => chunked(plain, { trailer }),
  },
  'UNSIGNED-PAYLOAD': {
    headers: { 'content-length': bodyLength },
    parts: () => ({ chunks: plain, trailer: '' }),
  },
  [sha256(hello)]: {
    headers: { 'content-length': bodyLength },
    parts: () => ({ chunks: plain, trailer: '' }),
  },
};
const names = Object.keys(modes);
const streams = names.filter((name) => name.startsWith('STREAMING'));
const signedStreams = streams.filter((name) => name.includes('AWS4'));

async function ofMode(name: string, also: Record<string, string> = {}): Promise<Upload & { parts: ChunkedParts }> {
  const mode = modes[name];
  if (!mode) throw new Error(name);
  const sent = await upload({ 'x-amz-content-sha256': name, ...mode.headers, ...also });
  return { ...sent, parts: mode.parts(sent.signature.signature) };
}

/** A refused body never came out whole, and nothing came out that was not sent. */
function expectRefused({ out, fault }: Outcome, expected: Partial<S3Fault>): void {
  expect(fault).toMatchObject(expected);
  expect(out.length).toBeLessThan(hello.length);
  expect(hello.subarray(0, out.length).equals(out)).toBe(true);
}

test.each(names)('%s: the plain bytes come out', async (name) => {
  const sent = await ofMode(name);
  const { out, fault } = await decoded(sent, [wire(sent.parts)]);
  expect(fault).toBeNull();
  expect(out.equals(hello)).toBe(true);
});

test.each(names)('%s: an empty body', async (name) => {
  const empty = name === sha256(hello) ? sha256('') : name;
  const value = checksum('crc32c', Buffer.alloc(0));
  const also = name.startsWith('STREAMING') ? { 'x-amz-decoded-content-length': '0' } : { 'content-length': '0' };
  const sent = await upload({ 'x-amz-content-sha256': empty, ...modes[name]?.headers, ...also });
  const signing = name.includes('AWS4') ? { seed: sent.signature.signature, key } : {};
  const parts = chunked([], { ...signing, ...(name.endsWith('TRAILER') ? { trailer: { ...trailer, value } } : {}) });
  const body = name.startsWith('STREAMING') ? [wire(parts)] : [];
  expect(await decoded(sent, body)).toEqual({ out: Buffer.alloc(0), fault: null });
});

test.each(names)('%s: under another key there is no decoder at all', async (name) => {
  const { signature, head } = await ofMode(name);
  const other = s3SigningKey(Secret.of('another'), '20261128', region);
  expect(() => payloadDecoder(signature, other, head.rawHeaders)).toThrow(S3Fault);
});

test.each(names)('%s: however it is split, the outcome is the same', async (name) => {
  const sent = await ofMode(name);
  const good = wire(sent.parts);
  const cuts = fc.array(fc.nat(good.length), { maxLength: 30 });
  /** Where one byte is changed; null for none. */
  const change = fc.option(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })));
  await fc.assert(
    fc.asyncProperty(cuts, change, async (positions, changed) => {
      const body = Buffer.from(good);
      if (changed) body[changed[0]] = (body[changed[0]] ?? 0) ^ changed[1];
      const whole = await decoded(sent, [body]);
      const split = await decoded(sent, pieces(body, positions));
      expect(split.fault?.reason).toBe(whole.fault?.reason);
      if (!changed) expect(split.out.equals(hello)).toBe(true);
      else if (whole.fault) expect(split.out.length).toBeLessThan(hello.length);
      else expect(split.out.equals(whole.out)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('byte by byte', async () => {
  for (const name of streams) {
    const sent = await ofMode(name);
    const body = wire(sent.parts).subarray();
    const { out, fault } = await decoded(
      sent,
      Array.from(body, (_, at) => body.subarray(at, at + 1)),
    );
    expect(fault).toBeNull();
    expect(out.equals(hello)).toBe(true);
  }
});

function pieces(body: Buffer, positions: readonly number[]): Buffer[] {
  const cuts = [0, ...positions.toSorted((a, b) => a - b), body.length];
  return cuts.slice(1).map((cut, at) => body.subarray(cuts[at], cut));
}

test.each(names)('%s: a body cut off anywhere is never taken', async (name) => {
  const sent = await ofMode(name);
  const body = wire(sent.parts);
  const lengths = [
    0,
    1,
    100,
    3100,
    body.length - 200,
    body.length - 90,
    body.length - 3,
    body.length - 2,
    body.length - 1,
  ];
  for (const length of lengths)
    expectRefused(await decoded(sent, [body.subarray(0, length)]), { code: 'IncompleteBody' });
});

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

describe.each(names)('%s: checksums in headers', (name) => {
  const send = async (also: Record<string, string>, options?: PayloadDecoderOptions): Promise<Outcome> => {
    const sent = await ofMode(name, also);
    return decoded(sent, [wire(sent.parts)], options);
  };
  const md5 = 'content-md5';

  test('Content-MD5: right, wrong, malformed', async () => {
    const right = createHash('md5').update(hello).digest('base64');
    expect((await send({ [md5]: right })).fault).toBeNull();
    expectRefused(await send({ [md5]: '1B2M2Y8AsgTpgAmY7PhCfg==' }), { code: 'BadDigest' });
    for (const value of ['x', '', 'AAAA', `${right.slice(0, -2)}`]) {
      expect((await send({ [md5]: value })).fault).toMatchObject({ code: 'InvalidDigest' });
    }
  });

  const hasTrailer = name.endsWith('TRAILER');
  test('x-amz-checksum-*: right, wrong, malformed, unknown, two', async () => {
    for (const algorithm of checksumNames) {
      const header = `x-amz-checksum-${algorithm}`;
      const right = await send({ [header]: checksum(algorithm) });
      if (hasTrailer) {
        expect(right.fault).toMatchObject({ reason: 'many_checksums' });
        continue;
      }
      expect(right.fault).toBeNull();
      expectRefused(await send({ [header]: checksum(algorithm, Buffer.from('b')) }), { code: 'BadDigest' });
      for (const value of ['', 'AAAA', `${checksum(algorithm)}-3`]) {
        expect((await send({ [header]: value })).fault).toMatchObject({ reason: 'checksum_malformed' });
      }
    }
    expect((await send({ 'x-amz-checksum-rot13': 'x' })).fault).toMatchObject({ reason: 'checksum_unknown' });
    const two = { 'x-amz-checksum-crc32': checksum('crc32'), 'x-amz-checksum-sha1': checksum('sha1') };
    expect((await send(two)).fault).toMatchObject({ reason: 'many_checksums' });
  });

  test('that speak of the whole object are not checked against this body', async () => {
    const also = {
      'x-amz-checksum-crc32': `${checksum('crc32', Buffer.from('object'))}`,
      'x-amz-checksum-type': 'FULL_OBJECT',
    };
    expect((await send(also, { checksumIsOfObject: true })).fault).toBeNull();
  });
});

test('a digest that the body does not have', async () => {
  const sent = await ofMode(sha256(hello));
  const body = Buffer.from(hello);
  body[body.length - 1] = 0;
  const outcome = await decoded(sent, [body]);
  expect(outcome.fault).toMatchObject({ code: 'XAmzContentSHA256Mismatch', status: 400 });
  const long = await decoded(sent, [hello, Buffer.from('x')]);
  expect(long.fault).toMatchObject({ reason: 'body_too_long' });
});

describeVectors('aws-docs-s3-sigv4', (vectors) => {
  interface Checksums {
    inputs: ({ input: string | { fill: string; length: number } } & Record<string, string>)[];
  }
  const { inputs } = vectors.json<Checksums>('checksums.json');

  test.each(checksumNames)('%s of the listed inputs', (name) => {
    const listed = inputs.filter((one) => one[`x-amz-checksum-${name}`] !== undefined);
    expect(listed.length).toBeGreaterThan(2);
    for (const one of listed) {
      const { input } = one as { input: string | { fill: string; length: number } };
      const bytes = Buffer.from(typeof input === 'string' ? input : input.fill.repeat(input.length));
      expect(checksum(name, bytes)).toBe(one[`x-amz-checksum-${name}`]);
    }
  });

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

test('held bytes come out as they went in, and a byte at a time costs no Buffer each', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20_000), { maxLength: 20 }), (sizes) => {
      const held = new HeldBytes();
      const all = sizes.map((size, at) => Buffer.alloc(size, at));
      for (const bytes of all) held.push(bytes);
      expect(Buffer.concat(held.take()).equals(Buffer.concat(all))).toBe(true);
      expect(held.take()).toEqual([]);
    }),
  );
  const held = new HeldBytes();
  for (let at = 0; at < 200_000; at += 1) held.push(hello.subarray(0, 1));
  expect(held.take()).toHaveLength(4);
});

test('checksums are the same however the bytes are split', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300), { maxLength: 5 }), (bytes, positions) => {
      const whole = Buffer.from(bytes);
      for (const name of checksumNames) {
        const running = startChecksum(name);
        for (const piece of pieces(
          whole,
          positions.map((at) => Math.min(at, whole.length)),
        ))
          running.update(piece);
        expect(running.digest().toString('base64')).toBe(checksum(name, whole));
      }
    }),
  );
});
