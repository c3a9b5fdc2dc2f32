import { createReadStream, existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  consistencyVerifies,
  Frontier,
  frontierOf,
  LogVerifier,
  NoteError,
  type NoteVerifier,
  noteVerifier,
  type FrontierState,
  type SignedCheckpoint,
} from '@portcullis/merkle-log';
import { exit, Refused, UsageFault, type Command } from '../command.js';
import { outputOf, print } from '../policy/print.js';
import { checkpointBeside, keysBeside } from './beside.js';
import { readCheckpoint, readKept, readLogKeys } from './kept-checkpoints.js';
import { linesOf } from './lines-of.js';

export const verify: Command = {
  summary: 'Verifies an export of the audit log against checkpoints that somebody kept; needs no server',
  help: `portcullis audit verify [--export FILE] [--checkpoint FILE]... [--log-keys FILE] [--witness VKEY]... [--after FILE --consistency FILE]

Reads an export line by line (standard input without --export, or as -), makes the tree over it anew and holds it against every
checkpoint. Whatever was edited, deleted, moved, repeated, cut off or put in its place is told with the first index that is bad: exit 1.
Good: exit 0, with the size and the root of the tree.

  --checkpoint FILE    a signed checkpoint, kept from GET /v1/audit/checkpoint; may be given often, old ones too. Take it before the
                       export: a checkpoint of a larger log than was exported says that lines are missing
  --log-keys FILE      GET /v1/audit/log-keys, or verifier keys one a line, from a place that you trust: signatures are checked by them
  --witness VKEY       every checkpoint must have the cosignature of this witness, and of each one more that is given (needs --log-keys)
  --after FILE --consistency FILE
                       for an export that does not start at index 0: the checkpoint of the size at which it starts, and
                       GET /v1/audit/consistency from there to the size of one of the checkpoints

FILE.checkpoint and FILE.log-keys.json beside the export, as \`portcullis audit export\` writes them, are taken where none are given. They
came with the export: against whoever runs the service only what was kept elsewhere counts.

Examples:
  portcullis audit verify --export audit.ndjson
  portcullis audit verify --export audit.ndjson --checkpoint kept/2026-11-01 --checkpoint kept/2026-11-28 --log-keys kept/log-keys.json`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        output: { type: 'string' },
        export: { type: 'string' },
        checkpoint: { type: 'string', multiple: true },
        'log-keys': { type: 'string' },
        witness: { type: 'string', multiple: true },
        after: { type: 'string' },
        consistency: { type: 'string' },
      },
    });
    const output = outputOf(values.output);
    const path = values.export === '-' ? undefined : values.export;
    const keysPath = values['log-keys'] ?? existing(path && keysBeside(path));
    const witnesses = (values.witness ?? []).map(witnessOf);
    if (witnesses.length > 0 && keysPath === undefined) throw new UsageFault('--witness needs --log-keys.');
    const trusted = keysPath === undefined ? undefined : { ...readLogKeys(keysPath), witnesses };
    const paths = values.checkpoint ?? [existing(path && checkpointBeside(path))].flatMap((one) => one ?? []);
    if (witnesses.length > 0 && paths.length === 0)
      throw new UsageFault('--witness needs a checkpoint: --checkpoint FILE.');
    const checkpoints = paths.map((one) => readCheckpoint(one, trusted));
    if ((values.after === undefined) !== (values.consistency === undefined))
      throw new UsageFault('--after and --consistency belong together.');
    const before =
      values.after === undefined
        ? undefined
        : treeBefore(readCheckpoint(values.after, trusted), values.consistency ?? '', checkpoints);

    const verifier = new LogVerifier({ checkpoints, before });
    for await (const line of linesOf(exportOf(path))) verifier.add(line);
    const verdict = verifier.end();
    const about = {
      checkpoints: checkpoints.map(({ size }) => size),
      signatures: trusted ? 'verified' : 'unchecked',
      ...(witnesses.length > 0 ? { witnesses: witnesses.map(({ name }) => name) } : {}),
    };
    if (!verdict.ok) {
      const { fault } = verdict;
      print(output, { ok: false, first_bad_index: fault.index, ...fault, ...about }, () => {
        const last = fault.through === fault.index ? '' : ` (at the latest ${fault.through})`;
        return `BAD. First bad index: ${fault.index}${last}, ${fault.kind}. ${fault.what}.`;
      });
      return exit.refused;
    }
    const { tree, proven, opened, closed } = verdict;
    // Nothing is not a good log: more likely the export went elsewhere.
    if (tree.size === 0 && paths.length === 0)
      throw new Refused('The export has no line, and there is no checkpoint: nothing was verified.');
    const root = new Frontier(tree).root().toString('base64');
    print(output, { ok: true, size: tree.size, root, proven, opened, closed, ...about }, () => {
      const events = `${opened} events were held against their leaves, ${closed} lines are of others or erased.`;
      return `Good: ${tree.size} leaves, root ${root}. Proven by checkpoints: the first ${proven}. ${events}`;
    });
    warn(about.signatures === 'unchecked' && paths.length > 0, 'No signature was checked: give --log-keys.');
    warn(paths.length === 0, 'There was no checkpoint: nothing says that this is all, or that it is the log.');
    return exit.ok;
  },
};

function witnessOf(verifierKey: string): NoteVerifier {
  try {
    const key = noteVerifier(verifierKey);
    if (key.kind === 'cosignature') return key;
  } catch (error) {
    if (error instanceof NoteError) throw new UsageFault(`--witness: ${error.message}.`);
    throw error;
  }
  throw new UsageFault('--witness is the verifier key of a witness: portcullis audit witness init printed it.');
}

/** What a log serves lets a later export be checked: two checkpoints and the proof between them. */
function treeBefore(from: SignedCheckpoint, path: string, checkpoints: readonly SignedCheckpoint[]): FrontierState {
  const { to: size, hashes } = readProof(path);
  const to = checkpoints.find((one) => one.size === size);
  if (!to) throw new Refused(`${path} leads to ${size} leaves, and no checkpoint of that size was given.`);
  const proof = { from: from.size, to: to.size, fromRoot: from.root, toRoot: to.root, hashes };
  const tree = frontierOf(proof);
  if (tree) return tree;
  // Between equal sizes there is nothing to show a tree by, and no line to read either.
  const same = consistencyVerifies(proof) ? ' Both checkpoints are of one size: there is nothing between them.' : '';
  throw new Refused(`${path} does not prove that the log of ${size} leaves begins with that of ${from.size}.${same}`);
}

function readProof(path: string): { to: number; hashes: Buffer[] } {
  try {
    const { to, hashes } = JSON.parse(readKept(path)) as { to: unknown; hashes: unknown };
    if (typeof to !== 'number' || !Array.isArray(hashes)) throw new TypeError();
    return { to, hashes: hashes.map((hash) => Buffer.from(String(hash), 'base64')) };
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused(`${path} is no proof: it holds what GET /v1/audit/consistency answers.`);
  }
}

async function* exportOf(path: string | undefined): AsyncGenerator<Uint8Array> {
  if (path === undefined && process.stdin.isTTY) throw new UsageFault('Say which export: --export FILE.');
  try {
    yield* (path === undefined ? process.stdin : createReadStream(path)) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new Refused(`${path ?? 'Standard input'} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

const existing = (path: string | undefined): string | undefined =>
  path !== undefined && existsSync(path) ? path : undefined;

function warn(when: boolean, what: string): void {
  if (when) process.stderr.write(`${what}\n`);
}
