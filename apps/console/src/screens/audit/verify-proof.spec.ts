import {
  eventLeafHash,
  formatCheckpoint,
  formatExportLine,
  Frontier,
  inclusionPath,
  readPath,
} from '@portcullis/merkle-log';
import { hexadecimal, keyIdInput } from '@portcullis/merkle-log/browser';
import { type GivenProof, type ProofFindings, verdictOf, verifyProof } from './verify-proof';

const { subtle } = globalThis.crypto;
const origin = 'log.example/audit';
const encode = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
/** The log's library answers in Buffers, a type that this page does not know. */
const plain = (hash: unknown): Uint8Array => new Uint8Array(hash as ArrayLike<number>);
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A key of a log, made by WebCrypto, and how it signs a note. */
async function aLogKey(name = origin) {
  const pair = await subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  const raw = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
  const typed = Uint8Array.of(1, ...raw);
  const id = new Uint8Array(await subtle.digest('SHA-256', keyIdInput(name, typed))).subarray(0, 4);
  return {
    verifierKey: `${name}+${hexadecimal(id)}+${encode(typed)}`,
    line: async (text: string) => {
      const signature = new Uint8Array(await subtle.sign('Ed25519', pair.privateKey, bytes(text)));
      return `— ${name} ${encode(Uint8Array.of(...id, ...signature))}\n`;
    },
  };
}
type LogKey = Awaited<ReturnType<typeof aLogKey>>;

const size = 11;
const events = Array.from({ length: size }, (_, index) => ({
  id: `evt_${index}`,
  action: 'client.created',
  details: { naïve: 'Żółć 🔑', z: 1, a: [null, 1e21, -0] },
}));
const salts = events.map((_, index) => new Uint8Array(32).fill(index));

const noSalt = new Uint8Array();

let key: LogKey;
let given: GivenProof;

/** What a server whose log is in order answers about one of the events. */
async function about(index: number, signer: LogKey = key): Promise<GivenProof> {
  const nodes = new Map<string, Uint8Array>();
  const frontier = new Frontier();
  const leaves = events.map((event, at) => plain(eventLeafHash(event, salts[at] ?? noSalt)));
  frontier.append(leaves, (level, at, hash) => nodes.set(`${level} ${at}`, plain(hash)));
  const text = formatCheckpoint({ origin, size, root: plain(frontier.root()) });
  const event = events[index] ?? { id: '' };
  const [leaf, salt] = [leaves[index] ?? noSalt, salts[index] ?? noSalt];
  const path = await readPath(inclusionPath(index, size), (level, at) => nodes.get(`${level} ${at}`) ?? noSalt);
  return {
    event,
    proof: {
      leaf_index: index,
      tree_size: size,
      leaf_hash: encode(leaf),
      hashes: path.map((hash) => encode(plain(hash))),
      checkpoint: `${text}\n${await signer.line(text)}`,
    },
    line: JSON.parse(formatExportLine(index, leaf, { salt, event })) as never,
    log: {
      origin,
      keys: [{ verifier_key: key.verifierKey, id: '', status: 'signing', created_at: '', retired_at: null }],
    },
  };
}

const outcomesOf = ({ leaf, inclusion, signature }: ProofFindings) =>
  [leaf, inclusion, signature].map((one) => one.outcome);
const verified = async (changed: Partial<GivenProof>) =>
  outcomesOf(await verifyProof({ ...given, ...changed }, subtle));
const line = () => given.line as Exclude<GivenProof['line'], string>;

beforeAll(async () => {
  key = await aLogKey();
  given = await about(6);
});

test('every event of a log in order is verified', async () => {
  for (let index = 0; index < size; index++) {
    const findings = await verifyProof(await about(index), subtle);
    expect(findings).toMatchObject({
      leaf: { outcome: 'held' },
      inclusion: { outcome: 'held' },
      signature: { outcome: 'held' },
    });
    expect(verdictOf(findings)).toBe('held');
  }
});

test('an event that is shown otherwise than it was hashed fails at its leaf', async () => {
  const event = { ...given.event, action: 'client.revoked' };
  expect(await verified({ event })).toEqual(['failed', 'held', 'held']);
  expect(await verified({ event, line: { ...line(), event } })).toEqual(['failed', 'held', 'held']);
});

test('another salt, a leaf of another event, an odd salt fail at the leaf', async () => {
  const other = encode(new Uint8Array(32).fill(99));
  expect(await verified({ line: { ...line(), salt: other } })).toEqual(['failed', 'held', 'held']);
  expect(await verified({ line: { ...line(), leaf_hash: other } })).toEqual(['failed', 'held', 'held']);
  expect(await verified({ line: { ...line(), salt: 'AAAA' } })).toEqual(['failed', 'held', 'held']);
});

test('a hash of the proof that was changed, left out, added or is no hash fails', async () => {
  const { hashes } = given.proof;
  const other = encode(new Uint8Array(32));
  for (const changed of [[other, ...hashes.slice(1)], hashes.slice(1), [...hashes, other], ['?', ...hashes.slice(1)]])
    expect(await verified({ proof: { ...given.proof, hashes: changed } })).toEqual(['held', 'failed', 'held']);
});

test('another place or size in the tree fails', async () => {
  expect((await verified({ proof: { ...given.proof, tree_size: size + 1 } }))[1]).toBe('failed');
  expect((await verified({ proof: { ...given.proof, leaf_index: 7 } }))[1]).toBe('failed');
  expect((await verified({ proof: { ...given.proof, leaf_index: size } }))[1]).toBe('failed');
});

test('a checkpoint that was changed, is of another log or is signed by a stranger fails', async () => {
  const { checkpoint } = given.proof;
  const grown = { ...given.proof, checkpoint: checkpoint.replace('\n11\n', '\n12\n'), tree_size: 12 };
  expect((await verified({ proof: grown }))[2]).toBe('failed');
  expect(await verified({ log: { ...given.log, origin: 'log.example/other' } })).toEqual(['held', 'held', 'failed']);
  const strange = await about(6, await aLogKey());
  expect(await verified({ proof: strange.proof })).toEqual(['held', 'held', 'failed']);
  expect(await verified({ proof: { ...given.proof, checkpoint: 'no note' } })).toEqual(['held', 'failed', 'failed']);
});

test('a witness’s line beside the log’s own changes nothing', async () => {
  const text = given.proof.checkpoint.split('\n\n')[0] ?? '';
  const witness = await (await aLogKey('witness.example')).line(`${text}\n`);
  expect(await verified({ proof: { ...given.proof, checkpoint: given.proof.checkpoint + witness } })).toEqual(
    Array(3).fill('held'),
  );
});

test('without the salt, of an erased event and without cryptography nothing is called right or wrong', async () => {
  const withoutSalt = await verifyProof({ ...given, line: 'You may not export.' }, subtle);
  expect(outcomesOf(withoutSalt)).toEqual(['unchecked', 'held', 'held']);
  expect(withoutSalt.leaf.said).toBe('You may not export.');
  expect(verdictOf(withoutSalt)).toBe('unchecked');
  const { leaf_index, leaf_hash } = line();
  expect(await verified({ line: { leaf_index, leaf_hash } })).toEqual(['unchecked', 'held', 'held']);
  expect(outcomesOf(await verifyProof(given, undefined))).toEqual(Array(3).fill('unchecked'));
});

test('a browser without Ed25519 says so of the signature alone', async () => {
  const poor = {
    digest: subtle.digest.bind(subtle),
    importKey: () => Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError')),
  } as unknown as SubtleCrypto;
  expect(outcomesOf(await verifyProof(given, poor))).toEqual(['held', 'held', 'unchecked']);
});
