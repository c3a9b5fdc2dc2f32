import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describeVectors } from '../../credentials/spec/vectors.js';
import {
  cosigner,
  cosignNote,
  maxNoteBytes,
  maxSignatures,
  NoteError,
  noteSigner,
  noteVerifier,
  openNote,
  signNote,
} from './note.js';

const newKey = () => generateKeyPairSync('ed25519').privateKey;
const signer = noteSigner('log.example/one', newKey());
const verifier = noteVerifier(signer.verifierKey);
const stranger = noteSigner('stranger.example', newKey());

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'no error';
  } catch (error) {
    if (error instanceof NoteError) return error.code;
    throw error;
  }
}

/** A private key from its 32 bytes, in the frame of PKCS #8. */
function privateKey(seed: Buffer): KeyObject {
  const frame = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({ key: Buffer.concat([frame, seed]), format: 'der', type: 'pkcs8' });
}

describeVectors('signed-note', (vectors) => {
  const { notes, privateKeysForSigningTests, badVkeys } = vectors.json<{
    notes: { what: string; vkey: string; text: string; note: string }[];
    privateKeysForSigningTests: string[];
    badVkeys: string[];
  }>('vectors.json');

  test.each(notes)('$what opens, and says its text', ({ vkey, text, note }) => {
    const opened = openNote(note, [noteVerifier(vkey)]);
    expect(opened.text).toBe(text);
    const [name, id] = vkey.split('+');
    expect(opened.signatures).toEqual([{ name, id }]);
    expect(openNote(Buffer.from(note), [noteVerifier(vkey)])).toEqual(opened);
  });

  test.each(notes)('$what does not open with another text', ({ vkey, text, note }) => {
    expect(codeOf(() => openNote(note.replace(text, `x${text}`), [noteVerifier(vkey)]))).toBe('bad_signature');
  });

  test.each(privateKeysForSigningTests)('what %s signs is, byte for byte, what others signed', (text) => {
    const [, , name, id, ...encoded] = text.split('+') as [string, string, string, string, ...string[]];
    const ours = noteSigner(name, privateKey(Buffer.from(encoded.join('+'), 'base64').subarray(1)));
    const theirs = notes.filter(({ vkey }) => vkey === ours.verifierKey);
    expect(ours.id).toBe(id);
    expect(theirs.length).toBeGreaterThan(0);
    for (const { text, note } of theirs) expect(signNote(text, [ours])).toBe(note);
  });

  test.each(badVkeys)('the verifier key %s is refused', (vkey) => {
    expect(codeOf(() => noteVerifier(vkey))).toBe('bad_key');
  });
});

describe('a signed note', () => {
  test.each(['x\n', '\n', 'a\n\nb\n', 'ends in a blank line\n\n', '— log.example/one AAAA\n', '\ufeffé 😀 \u0085\n'])(
    'gives back the text that was signed: %j',
    (text) => {
      const note = signNote(text, [signer]);
      expect(openNote(note, [verifier]).text).toBe(text);
      expect(openNote(Buffer.from(note), [verifier]).text).toBe(text);
    },
  );

  test('needs one known signature of many, and names each known signer once', () => {
    const second = noteSigner('log.example/two', newKey());
    const note = signNote('x\n', [stranger, signer, second, signer]);
    const named = ({ name, id }: { name: string; id: string }) => ({ name, id });
    expect(openNote(note, [verifier]).signatures).toEqual([named(signer)]);
    expect(openNote(note, [noteVerifier(second.verifierKey), verifier]).signatures).toEqual([
      named(signer),
      named(second),
    ]);
    expect(codeOf(() => openNote(note, []))).toBe('no_known_signature');
  });

  test('is refused if one known signature fails, though others verify', () => {
    const second = noteSigner('log.example/two', newKey());
    const broken = { ...second, sign: () => Buffer.alloc(64) };
    const note = signNote('x\n', [signer, broken]);
    expect(codeOf(() => openNote(note, [verifier, noteVerifier(second.verifierKey)]))).toBe('bad_signature');
    expect(openNote(note, [verifier]).signatures).toHaveLength(1);
    // Also where the known key has signed rightly before.
    const twice = signNote('x\n', [second, broken]);
    expect(codeOf(() => openNote(twice, [noteVerifier(second.verifierKey)]))).toBe('bad_signature');
  });

  test('is not signed by a key of the same name or of the same id only', () => {
    const sameName = { ...stranger, name: signer.name };
    const sameId = { ...stranger, id: signer.id };
    expect(codeOf(() => openNote(signNote('x\n', [sameName]), [verifier]))).toBe('no_known_signature');
    expect(codeOf(() => openNote(signNote('x\n', [sameId]), [verifier]))).toBe('no_known_signature');
    expect(openNote(signNote('x\n', [sameName, sameId, signer]), [verifier]).signatures).toHaveLength(1);
  });

  test('has at least 16 signatures and at most the limit', () => {
    const strangers = (count: number) => Array.from({ length: count }, () => stranger);
    expect(openNote(signNote('x\n', [...strangers(maxSignatures - 1), signer]), [verifier]).text).toBe('x\n');
    expect(codeOf(() => openNote(signNote('x\n', [signer, ...strangers(maxSignatures)]), [verifier]))).toBe(
      'too_many_signatures',
    );
  });

  test('has at most a million bytes', () => {
    expect(codeOf(() => openNote(signNote(`${'é'.repeat(maxNoteBytes / 2)}\n`, [signer]), [verifier]))).toBe(
      'too_large',
    );
  });
});

describe('malformed is', () => {
  const good = signNote('text\n', [signer]);
  const line = good.split('\n')[2]!;
  const [, name, encoded] = line.split(' ') as [string, string, string];
  const note = (signatures: string) => `text\n\n${signatures}`;

  test('nothing in the good note', () => {
    expect(openNote(note(`— ${name} ${encoded}\n`), [verifier]).text).toBe('text\n');
  });

  test.each([
    ['a note without signatures', 'text\n'],
    ['an empty one', ''],
    ['one without a signature after the blank line', 'text\n\n'],
    ['one without the last newline', good.slice(0, -1)],
    ['a carriage return', good.replace('text\n', 'text\r\n')],
    ['a tab', good.replace('text', 'te\txt')],
    ['NUL', good.replace('text', 'te\u0000xt')],
    ['a lone surrogate', good.replace('text', 'te\ud800xt')],
    ['a hyphen for the dash', note(`- ${name} ${encoded}\n`)],
    ['two spaces', note(`— ${name}  ${encoded}\n`)],
    ['a space at the end', note(`— ${name} ${encoded} \n`)],
    ['no name', note(`— ${encoded}\n`)],
    ['a plus in a name', note(`— a+b ${encoded}\n`)],
    ['a no-break space in a name', note(`— a\u00a0b ${encoded}\n`)],
    ['base64 without its padding', note(`— ${name} ${encoded.replace(/=+$/, '')}\n`)],
    ['base64url', note(`— ${name} ${Buffer.from(encoded, 'base64').toString('base64url')}\n`)],
    ['bits behind the last byte', note(`— ${name} AAAAAAB=\n`)],
    ['a key id without a signature', note(`— ${name} ${Buffer.alloc(4).toString('base64')}\n`)],
    ['a malformed line of a stranger beside a good one', `${good}— stranger !\n`],
  ])('%s', (_, malformed) => {
    expect(codeOf(() => openNote(malformed, [verifier]))).toBe('malformed');
  });

  test('bytes that are not UTF-8', () => {
    expect(codeOf(() => openNote(Buffer.concat([Buffer.from([0xff]), Buffer.from(good)]), [verifier]))).toBe(
      'malformed',
    );
  });

  test.each(['no newline', 'a\tb\n', '\ud800\n', ''])('a text to be signed: %j', (text) => {
    expect(codeOf(() => signNote(text, [signer]))).toBe('malformed');
  });
});

describe('a key is refused', () => {
  const [name, id, key] = /^([^+]+)\+([^+]+)\+(.+)$/.exec(signer.verifierKey)!.slice(1) as [string, string, string];

  test.each([
    ['without its parts', name],
    ['with an id that is not its own', `${name}+00000000+${key}`],
    ['with capitals in the id', `${name}+ABCDEF01+${key}`],
    ['under another name', `other+${id}+${key}`],
    ['without a name', `+${id}+${key}`],
    ['with a space in the name', `a b+${id}+${key}`],
    [
      'of a type that is unknown',
      `${name}+${id}+${Buffer.concat([Buffer.from([2]), Buffer.alloc(32)]).toString('base64')}`,
    ],
    ['cut', `${name}+${id}+${key.slice(0, -4)}`],
    ['in base64url', `${name}+${id}+${key}`.replace(/=*$/, '-')],
  ])('%s', (_, text) => {
    expect(codeOf(() => noteVerifier(text))).toBe('bad_key');
  });

  test.each(['', 'a b', 'a+b', 'a\u2003b', 'a\u0007'])('to sign with, under the name %j', (bad) => {
    expect(codeOf(() => noteSigner(bad, newKey()))).toBe('bad_key');
  });

  test('to sign with, unless it is an Ed25519 private key', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(codeOf(() => noteSigner('a', privateKey))).toBe('bad_key');
    expect(codeOf(() => noteSigner('a', publicKey))).toBe('bad_key');
  });
});

describe('a cosignature (type 4)', () => {
  const key = newKey();
  const asSigner = noteSigner('witness.example/w', key);
  const publicBytes = Buffer.from(asSigner.verifierKey.split('+').slice(2).join('+'), 'base64').subarray(1);
  const witness = cosignatureKey('witness.example/w', publicBytes);

  /** The vkey of type 4, with the id computed here as c2sp.org/tlog-cosignature says. */
  function cosignatureKey(name: string, bytes: Buffer) {
    const typed = Buffer.concat([Buffer.from([4]), bytes]);
    const id = createHash('sha256').update(`${name}\n`).update(typed).digest('hex').slice(0, 8);
    return noteVerifier(`${name}+${id}+${typed.toString('base64')}`);
  }

  function cosign(text: string, timeSeconds: bigint, signedTime = timeSeconds) {
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(timeSeconds);
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${signedTime}\n${text}`), key);
    return { ...asSigner, id: witness.id, sign: () => Buffer.concat([time, signature]) };
  }

  test('says when it was made', () => {
    const note = signNote('x\n', [signer, cosign('x\n', 1679315147n)]);
    const opened = openNote(note, [verifier, witness]);
    expect(opened.signatures[1]).toEqual({ name: witness.name, id: witness.id, timeSeconds: 1679315147 });
  });

  test('does not verify with another time or text, nor as a plain signature, nor beyond any time', () => {
    for (const bad of [
      cosign('x\n', 1n, 2n),
      cosign('y\n', 1n),
      { ...asSigner, id: witness.id },
      cosign('x\n', 2n ** 63n),
    ])
      expect(codeOf(() => openNote(signNote('x\n', [signer, bad]), [verifier, witness]))).toBe('bad_signature');
  });

  test('is made with the time, and is what the specification writes down', () => {
    const made = cosigner('witness.example/w', key, () => new Date(1679315147_999));
    expect([made.id, made.verifierKey.split('+')[1]]).toEqual([witness.id, witness.id]);
    expect(signNote('x\n', [made])).toBe(signNote('x\n', [cosign('x\n', 1679315147n)]));
    expect(noteVerifier(made.verifierKey).kind).toBe('cosignature');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(codeOf(() => cosigner('a', publicKey, () => new Date()))).toBe('bad_key');
  });

  test('comes behind the signatures of known keys, each once, and strangers’ go no further', () => {
    const made = cosigner('witness.example/w', key, () => new Date(1_000));
    const stranger = noteSigner('stranger', newKey());
    const { note, line } = cosignNote(signNote('x\n', [stranger, signer, signer, made]), [verifier], made);
    expect(note).toBe(signNote('x\n', [signer, made]));
    expect(note.endsWith(`\n${line}`)).toBe(true);
    expect(openNote(note, [verifier, witness]).signatures[1]).toMatchObject({ timeSeconds: 1 });
    expect(codeOf(() => cosignNote(signNote('x\n', [stranger]), [verifier], made))).toBe('no_known_signature');
  });

  test('has another id than the same key for plain notes', () => {
    expect(witness.id).not.toBe(asSigner.id);
  });
});
