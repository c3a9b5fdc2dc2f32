import { generateKeyPairSync } from 'node:crypto';
import { describeVectors } from '../../credentials/spec/vectors.js';
import { CheckpointError, formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.js';
import { emptyRoot, leafHash } from './hashes.js';
import { NoteError, noteSigner, noteVerifier, signNote } from './note.js';
import { consistencyVerifies } from './proofs.js';
import { consistencyPath, Frontier, readPath } from './tree.js';

const origin = 'log.example/one';
const signer = noteSigner(origin, generateKeyPairSync('ed25519').privateKey);
const keys = [noteVerifier(signer.verifierKey)];
const root = leafHash(Buffer.from('x'));
const checkpoint = { origin, size: 7, root };

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'no error';
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof NoteError) return error.code;
    throw error;
  }
}

describeVectors('tessera-golden-log', (vectors) => {
  const tesseraLeaves = 'one two three four five six seven eit nain ten ileven twelf threeten fourten fivten'.split(
    ' ',
  );
  const trusted = {
    origin: 'example.com/log/testdata',
    keys: [noteVerifier('example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx')],
  };
  const open = (size: number) => openCheckpoint(vectors.bytes(`log/checkpoint.${size}`), trusted);
  const hashes = tesseraLeaves.map((leaf) => leafHash(Buffer.from(leaf)));
  const sizes = Array.from({ length: hashes.length + 1 }, (_, size) => size);

  test('its 15 leaves are those of its entry bundle', () => {
    const bundle = vectors.bytes('log/tile/entries/000.p/15');
    const entries: string[] = [];
    for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at))
      entries.push(bundle.toString('utf8', at + 2, at + 2 + bundle.readUInt16BE(at)));
    expect(entries).toEqual(tesseraLeaves);
  });

  test.each(sizes)('checkpoint %i is signed by its log, and its root is that of the leaves', (size) => {
    const opened = open(size);
    const tree = new Frontier();
    tree.append(hashes.slice(0, size));
    expect(opened).toMatchObject({ origin: trusted.origin, size, extensions: [], cosignatures: [] });
    expect(Buffer.from(opened.root)).toEqual(tree.root());
    expect(opened.signatures).toEqual([{ name: trusted.origin, id: '33d7b496' }]);
    expect(vectors.text(`log/checkpoint.${size}`).startsWith(`${formatCheckpoint(opened)}\n`)).toBe(true);
  });

  test('its tiles hold the leaf hashes', () => {
    for (const size of sizes.slice(1)) {
      const tile = vectors.bytes(`log/tile/0/000.p/${size}`);
      expect(tile).toEqual(Buffer.concat(hashes.slice(0, size)));
    }
  });

  test('each checkpoint is consistent with every later one', async () => {
    const nodes = new Map<string, Buffer>();
    new Frontier().append(hashes, (level, index, hash) => nodes.set(`${level}/${index}`, hash));
    for (const to of sizes.slice(1))
      for (const from of sizes.slice(1, to + 1)) {
        const path = await readPath(consistencyPath(from, to), (level, index) => nodes.get(`${level}/${index}`)!);
        const roots = { fromRoot: open(from).root, toRoot: open(to).root };
        expect(consistencyVerifies({ from, to, ...roots, hashes: path })).toBe(true);
      }
  });
});

describe('the text of a checkpoint', () => {
  const encoded = root.toString('base64');

  test('is three lines, and says what was put in', () => {
    expect(formatCheckpoint(checkpoint)).toBe(`${origin}\n7\n${encoded}\n`);
    const extended = { ...checkpoint, extensions: ['one', 'two'] };
    expect(parseCheckpoint(formatCheckpoint(extended))).toEqual(extended);
    expect(parseCheckpoint(formatCheckpoint({ origin: 'a log', size: 0, root: emptyRoot() })).size).toBe(0);
  });

  test.each([
    ['nothing', ''],
    ['no last newline', `${origin}\n7\n${encoded}`],
    ['no root', `${origin}\n7\n`],
    ['no origin', `\n7\n${encoded}\n`],
    ['a leading zero', `${origin}\n07\n${encoded}\n`],
    ['two zeros', `${origin}\n00\n${emptyRoot().toString('base64')}\n`],
    ['a sign', `${origin}\n+7\n${encoded}\n`],
    ['a size in other digits', `${origin}\n٧\n${encoded}\n`],
    ['an exponent', `${origin}\n1e3\n${encoded}\n`],
    ['a size beyond 2^53 - 1', `${origin}\n9007199254740992\n${encoded}\n`],
    ['a root of 31 bytes', `${origin}\n7\n${Buffer.alloc(31).toString('base64')}\n`],
    ['a root without padding', `${origin}\n7\n${encoded.replace('=', '')}\n`],
    ['an empty extension line', `${origin}\n7\n${encoded}\n\nx\n`],
    ['an empty line at the end', `${origin}\n7\n${encoded}\n\n`],
  ])('is refused with %s', (_, text) => {
    expect(codeOf(() => parseCheckpoint(text))).toBe('malformed');
  });

  test('is refused with an empty tree that has the root of another', () => {
    expect(codeOf(() => parseCheckpoint(`${origin}\n0\n${encoded}\n`))).toBe('wrong_empty_root');
  });

  test('is not written for what could not be read', () => {
    for (const bad of [
      { origin: 'a\nb' },
      { origin: '' },
      { size: -1 },
      { size: 1.5 },
      { size: 2 ** 53 },
      { root: Buffer.alloc(3) },
    ])
      expect(codeOf(() => formatCheckpoint({ ...checkpoint, ...bad }))).toBe('malformed');
    expect(codeOf(() => signCheckpoint({ ...checkpoint, origin: 'a\tb' }, [signer]))).toBe('malformed');
  });
});

describe('a signed checkpoint', () => {
  test('opens while keys rotate, with the old key and with the new one', () => {
    const next = noteSigner(origin, generateKeyPairSync('ed25519').privateKey);
    const both = signCheckpoint(checkpoint, [signer, next]);
    for (const known of [signer, next])
      expect(openCheckpoint(both, { origin, keys: [noteVerifier(known.verifierKey)] })).toMatchObject({ size: 7 });
    expect(codeOf(() => openCheckpoint(signCheckpoint(checkpoint, [next]), { origin, keys }))).toBe(
      'no_known_signature',
    );
  });

  test('of another log is refused, though its key is known', () => {
    const other = signCheckpoint({ ...checkpoint, origin: 'log.example/two' }, [signer]);
    expect(codeOf(() => openCheckpoint(other, { origin, keys }))).toBe('another_log');
  });

  test('needs its log: a witness alone does not make one', () => {
    const witness = noteSigner('witness.example/w', generateKeyPairSync('ed25519').privateKey);
    const witnesses = [noteVerifier(witness.verifierKey)];
    expect(codeOf(() => openCheckpoint(signCheckpoint(checkpoint, [witness]), { origin, keys, witnesses }))).toBe(
      'not_signed_by_log',
    );
    const both = openCheckpoint(signCheckpoint(checkpoint, [witness, signer]), { origin, keys, witnesses });
    expect(both.cosignatures).toEqual([{ name: witness.name, id: witness.id }]);
    expect(both.signatures).toEqual([{ name: origin, id: signer.id }]);
  });

  test('that the log signed but that is none is refused', () => {
    expect(codeOf(() => openCheckpoint(signNote('hello\n', [signer]), { origin, keys }))).toBe('malformed');
  });
});
