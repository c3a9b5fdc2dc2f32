import fc from 'fast-check';
import { checksum, pieces } from '../../spec/s3-uploads.js';
import { describeVectors } from '../../spec/vectors.js';
import { checksumNames, startChecksum } from './checksum.js';

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
});
