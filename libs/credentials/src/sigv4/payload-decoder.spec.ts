import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { chunked, region, sha256, wire } from '../../spec/s3-requests.js';
import {
  checksum,
  decoded,
  expectRefused,
  hello,
  key,
  modes,
  names,
  ofMode,
  plain,
  type Outcome,
  pieces,
  streams,
  trailer,
  upload,
} from '../../spec/s3-uploads.js';
import { Secret } from '../secret.js';
import { s3SigningKey } from './canonical-request.js';
import { checksumNames } from './checksum.js';
import { payloadDecoder, type PayloadDecoderOptions } from './payload-decoder.js';
import { S3Fault } from './s3-fault.js';

test.each(names)('%s: the plain bytes come out', async (name) => {
  const sent = await ofMode(name);
  const { out, fault } = await decoded(sent, [wire(sent.parts)]);
  expect(fault).toBeNull();
  expect(out.equals(hello)).toBe(true);
});

test.each(names)('%s: an empty body', async (name) => {
  const empty = name === sha256(hello) ? sha256('') : name;
  const value = checksum('crc32c', Buffer.alloc(0));
  const length = name.startsWith('STREAMING') ? 'x-amz-decoded-content-length' : 'content-length';
  const also = { [length]: '0' };
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

test('who reads every piece as it comes still never gets the last one of a wrong body', async () => {
  const { signature, head } = await ofMode(sha256(hello));
  const decoder = payloadDecoder(signature, key, head.rawHeaders);
  const out: Buffer[] = [];
  decoder.on('data', (piece: Buffer) => out.push(piece));
  const fault = new Promise((resolve) => decoder.on('error', resolve));
  for (const piece of [...plain.slice(0, 2), Buffer.alloc(hello.length - 6000)]) {
    await new Promise((written) => decoder.write(piece, written));
  }
  decoder.end();
  expect(await fault).toMatchObject({ code: 'XAmzContentSHA256Mismatch' });
  expect(Buffer.concat(out).equals(hello.subarray(0, 6000))).toBe(true);
});

test.each(names)('%s: a body in single bytes does not wait for its reader in a Buffer for each', async (name) => {
  const { signature, head } = await ofMode(name);
  const bytes = Array.from(hello, (_, at) => hello.subarray(at, at + 1));
  const signing = name.includes('AWS4') ? { seed: signature.signature, key } : {};
  const parts = chunked(bytes, { ...signing, ...(name.endsWith('TRAILER') ? { trailer } : {}) });
  const decoder = payloadDecoder(signature, key, head.rawHeaders);
  // At once, and one at a time.
  if (name.startsWith('STREAMING')) decoder.write(wire(parts));
  else for (const byte of bytes) decoder.write(byte);
  decoder.end();
  const out: Buffer[] = [];
  decoder.on('data', (piece: Buffer) => out.push(piece));
  await new Promise((resolve) => decoder.on('end', resolve));
  expect(Buffer.concat(out).equals(hello)).toBe(true);
  expect(out.length).toBeLessThan(10);
});
