import fc from 'fast-check';
import { hello } from '../../spec/s3-uploads.js';
import { HeldBytes } from './held-bytes.js';

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
