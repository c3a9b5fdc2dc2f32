import * as fc from 'fast-check';
import { checkpointOf, type Kept, keptLog, lineOf, rehashed, renumbered, treeOf, verdictOn } from '../spec/kept-log.js';
import { type FrontierState } from './tree.js';
import { type LogFault, LogVerifier } from './verify-log.js';

const size = 20;
const log = keptLog(size, (index) => index % 3 !== 2);
/** Kept by someone at 8, 16 and 20 leaves. */
const checkpoints = [8, 16, 20].map((at) => checkpointOf(log, at));

function faultIn(kept: readonly Kept[], against = checkpoints): LogFault {
  return faultOf(kept.map(lineOf), against);
}

function faultOf(lines: readonly string[], against = checkpoints): LogFault {
  const verdict = verdictOn(lines, against);
  if (verdict.ok) throw new Error('The verifier found nothing');
  return verdict.fault;
}

const changed = (at: number, change: (kept: Kept) => Kept) =>
  log.map((kept, index) => (index === at ? change(kept) : kept));
const edited = (kept: Kept): Kept => ({ ...kept, event: { ...kept.event, action: 'api-key.revoked' } });
const flipped = (bytes: Buffer, bit: number) =>
  Buffer.from(bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));

describe('a log that nobody changed', () => {
  test('verifies, and says what was proven and how much was seen', () => {
    const verdict = verdictOn(log.map(lineOf), [...checkpoints].reverse());
    expect(verdict).toEqual({ ok: true, tree: treeOf(log).state, proven: 20, opened: 14, closed: 6 });
  });

  test('verifies in any spelling of its lines', () => {
    const respelled = log.map(lineOf).map((line) => {
      const members = Object.entries(JSON.parse(line) as object).reverse();
      return JSON.stringify(Object.fromEntries(members), null, 1).replaceAll('\n', ' ').replaceAll('evt', '\\u0065vt');
    });
    expect(verdictOn(respelled, checkpoints)).toMatchObject({ ok: true, proven: 20 });
  });

  test('verifies after events and their salts were erased, by the leaf hashes alone', () => {
    const erased = log.map((kept, index) => ({ ...kept, open: index % 2 === 0 && kept.open }));
    expect(verdictOn(erased.map(lineOf), checkpoints)).toMatchObject({ ok: true, proven: 20, opened: 7, closed: 13 });
  });

  test('of which no checkpoint is kept is proven nowhere', () => {
    expect(verdictOn(log.map(lineOf), [])).toMatchObject({ ok: true, proven: 0 });
    expect(verdictOn(log.map(lineOf), [checkpointOf(log, 8)])).toMatchObject({ ok: true, proven: 8 });
    expect(verdictOn([], [checkpointOf(log, 0)])).toMatchObject({ ok: true, proven: 0, opened: 0 });
  });

  test('verifies from any index, by the tree before it', () => {
    for (let start = 0; start <= 16; start++) {
      const kept = checkpoints.filter(({ size }) => size >= start);
      const verifier = new LogVerifier({ checkpoints: kept, before: treeOf(log.slice(0, start)).state });
      log.slice(start).forEach((each) => verifier.add(lineOf(each)));
      expect(verifier.end()).toMatchObject({ ok: true, proven: 20, tree: treeOf(log).state });
    }
  });

  test('can be verified a month at a time: a verdict is where the next export goes on', () => {
    let before: FrontierState | undefined;
    for (const [from, to] of [
      [0, 8],
      [8, 16],
      [16, 20],
    ] as const) {
      const verifier = new LogVerifier({ checkpoints: [checkpointOf(log, to)], before });
      log.slice(from, to).forEach((each) => verifier.add(lineOf(each)));
      const verdict = verifier.end();
      expect(verdict).toMatchObject({ ok: true, proven: to });
      before = verdict.ok ? verdict.tree : undefined;
    }
  });
});

describe('each attack is named with the first bad index', () => {
  test('one bit of any hash, salt or letter of an event', () => {
    for (const [index, kept] of log.entries()) {
      if (!kept.open) continue;
      for (const bit of [0, 100, 255]) {
        expect(faultIn(changed(index, (was) => ({ ...was, leafHash: flipped(was.leafHash, bit) })))).toMatchObject({
          kind: 'edited',
          index,
        });
        expect(faultIn(changed(index, (was) => ({ ...was, salt: flipped(was.salt, bit) })))).toMatchObject({
          kind: 'edited',
          index,
        });
      }
      expect(faultIn(changed(index, edited))).toMatchObject({ kind: 'edited', index, through: index });
      const otherId = (was: Kept): Kept => ({ ...was, event: { ...was.event, id: 'evt_x' } });
      expect(faultIn(changed(index, otherId))).toMatchObject({ kind: 'edited', index });
    }
  });

  test('an event edited together with its leaf hash: the checkpoints around it', () => {
    const at = (index: number) => faultIn(changed(index, (kept) => rehashed(edited(kept))));
    expect(at(0)).toMatchObject({ kind: 'replaced', index: 0, through: 7, proven: 0 });
    expect(at(9)).toMatchObject({ kind: 'replaced', index: 8, through: 15, proven: 8 });
    expect(at(19)).toMatchObject({ kind: 'replaced', index: 16, through: 19, proven: 16 });
  });

  test('an edited leaf hash of an event that the reader may not see: the same', () => {
    expect(faultIn(changed(11, (kept) => ({ ...kept, leafHash: flipped(kept.leafHash, 9) })))).toMatchObject({
      kind: 'replaced',
      index: 8,
      through: 15,
    });
  });

  test('a removed line', () => {
    for (let index = 0; index < size - 1; index++)
      expect(faultIn(log.toSpliced(index, 1))).toMatchObject({ kind: 'missing', index });
    expect(faultIn(log.toSpliced(5, 3))).toMatchObject({ kind: 'missing', index: 5 });
  });

  test('a removed line with all later ones renumbered', () => {
    expect(faultIn(renumbered(log.toSpliced(10, 1)))).toMatchObject({ kind: 'replaced', index: 8, through: 15 });
  });

  test('a line twice', () => {
    for (const [index, kept] of log.entries()) {
      expect(faultIn(log.toSpliced(index, 0, kept))).toMatchObject({ kind: 'repeated', index });
      const shifted = renumbered(log.toSpliced(index, 0, kept));
      expect(faultIn(shifted)).toMatchObject({ kind: 'repeated', index: index + 1 });
    }
    expect(faultIn(log.toSpliced(15, 0, log[4]!))).toMatchObject({ kind: 'repeated', index: 4 });
  });

  test('two lines swapped', () => {
    for (const [one, other] of [
      [0, 1],
      [3, 4],
      [2, 17],
      [18, 19],
    ] as const) {
      const swapped = log.with(one, log[other]!).with(other, log[one]!);
      expect(faultIn(swapped)).toMatchObject({ kind: 'moved', index: one, through: one });
    }
  });

  test('two events swapped under their indexes', () => {
    const swapped = renumbered(log.with(9, log[13]!).with(13, log[9]!));
    expect(faultIn(swapped)).toMatchObject({ kind: 'replaced', index: 8, through: 15 });
  });

  test('an index edited and nothing else', () => {
    for (const leafIndex of [0, 3, 11, 19, 500])
      expect(faultIn(changed(10, (kept) => ({ ...kept, leafIndex })))).toMatchObject({ kind: 'missing', index: 10 });
  });

  test('the end cut off', () => {
    for (let left = 0; left < size; left++)
      expect(faultIn(log.slice(0, left))).toMatchObject({ kind: 'truncated', index: left });
  });

  test('the whole log built anew, with checkpoints of its own, against one that was kept', () => {
    const anew = keptLog(25);
    expect(faultIn(anew, [checkpoints[0]!, checkpointOf(anew)])).toMatchObject({
      kind: 'replaced',
      index: 0,
      through: 7,
    });
    expect(faultIn(anew, [checkpointOf(anew), checkpointOf(log, 8)])).toMatchObject({ kind: 'replaced', index: 0 });
    expect(verdictOn(anew.map(lineOf), [checkpointOf(anew)])).toMatchObject({ ok: true });
  });

  test('a log forked after the kept checkpoint, by the next one that was kept', () => {
    const forked = [...log.slice(0, 8), ...keptLog(20).slice(8)];
    expect(faultIn(forked)).toMatchObject({ kind: 'replaced', index: 8, through: 15, proven: 8 });
  });

  test('two checkpoints of one size that disagree', () => {
    const fork = checkpointOf(keptLog(16));
    expect(faultIn(log, [...checkpoints, fork])).toMatchObject({ kind: 'replaced', index: 8, through: 15 });
  });

  test('a start that is not the tree that the checkpoints go on from', () => {
    const before = treeOf(keptLog(8)).state;
    const atStart = new LogVerifier({ checkpoints, before });
    expect(atStart.broken).toBe(true);
    const later = new LogVerifier({ checkpoints: checkpoints.slice(1), before });
    log.slice(8).forEach((each) => later.add(lineOf(each)));
    expect(later.end()).toMatchObject({ ok: false, fault: { kind: 'replaced', through: 15 } });
  });

  test('a checkpoint from before the start is said, not passed over', () => {
    const verifier = new LogVerifier({ checkpoints, before: treeOf(log.slice(0, 10)).state });
    expect(verifier.end()).toMatchObject({ ok: false, fault: { kind: 'unchecked', index: 8 } });
  });
});

describe('the fault', () => {
  test('is the first of several', () => {
    const lines = changed(3, edited).with(5, edited(log[5]!)).slice(0, 12).map(lineOf);
    expect(faultOf(lines)).toMatchObject({ kind: 'edited', index: 3 });
  });

  test('shows nothing of an event', () => {
    const secret = changed(4, (kept) => ({ ...kept, event: { ...kept.event, action: 'hunter2' } }));
    expect(JSON.stringify(faultIn(secret))).not.toContain('hunter2');
  });

  test('is known before the end, so that a caller may stop', () => {
    const verifier = new LogVerifier({ checkpoints });
    changed(2, edited)
      .slice(2)
      .forEach((each) => verifier.add(lineOf(each)));
    expect(verifier.broken).toBe(true);
  });
});

describe('a line is refused', () => {
  const line = lineOf(log[0]!);
  const [hash, salt] = [log[0]!.leafHash.toString('base64'), log[0]!.salt.toString('base64')];
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

  test.each([
    ['that is empty', ''],
    ['that is not JSON', line.slice(1)],
    ['that is no object', `[${line}]`],
    ['without its index', line.replace('"leaf_index":0,', '')],
    ['with an index in words', line.replace('"leaf_index":0', '"leaf_index":"0"')],
    ['with an index between two', line.replace('"leaf_index":0', '"leaf_index":0.5')],
    ['with an index below zero', line.replace('"leaf_index":0', '"leaf_index":-1')],
    ['without its leaf hash', line.replace(`"leaf_hash":"${hash}",`, '')],
    ['with a leaf hash in base64url', line.replace(hash, Buffer.from(hash, 'base64').toString('base64url'))],
    ['with a salt of another length', line.replace(salt, Buffer.alloc(16).toString('base64'))],
    ['with a salt and no event', JSON.stringify({ leaf_index: 0, leaf_hash: hash, salt })],
    ['with an event and no salt', line.replace(`"salt":"${salt}",`, '')],
    ['with nothing for an event', line.replace(/"event":\{.*\}\}$/, '"event":null}')],
    ['with an event without an id', line.replace('"id"', '"di"')],
    ['with an event that has no canonical form', line.replace('"n":0', '"n":9007199254740993')],
    ['with an event nested without end', line.replace('"n":0', `"n":${deep}`)],
    ['with more than a hash covers', line.replace('{', '{"note":"all is well",')],
    ['with a member twice', line.replace('{', '{"leaf_index":7,')],
    ['with a member of its event twice', line.replace('"action":', '"action":"api-key.revoked","action":')],
  ])('%s', (_, text) => {
    expect(text).not.toBe(line);
    expect(faultOf([text, ...log.slice(1).map(lineOf)])).toMatchObject({ kind: 'malformed', index: 0, through: 0 });
  });

  test('but a colon or a quote in a string is no member', () => {
    const odd = changed(1, (kept) => rehashed({ ...kept, event: { ...kept.event, action: 'a:"b\\":c\\' } }));
    expect(verdictOn(odd.map(lineOf), [checkpointOf(odd)])).toMatchObject({ ok: true });
  });
});

/** A change by someone who can write the whole database, and the first index that is bad after it. */
interface Attack {
  readonly lines: string[];
  readonly firstBad: number;
  /** Whether the lines themselves give the index away, without a checkpoint. */
  readonly exact: boolean;
}

type Attacker = (log: readonly Kept[], at: number, other: number) => Attack;

const attackers: Record<string, Attacker> = {
  'edits an event': (log, at) => lines(log.with(at, edited(log[at]!)), at, log[at]!.open),
  'edits an event and hashes it anew': (log, at) => lines(log.with(at, rehashed(edited(log[at]!))), at, false),
  'edits a leaf hash': (log, at, other) =>
    lines(log.with(at, { ...log[at]!, leafHash: flipped(log[at]!.leafHash, other % 256) }), at, log[at]!.open),
  'edits a salt': (log, at, other) =>
    lines(log.with(at, { ...log[at]!, salt: flipped(log[at]!.salt, other % 256) }), at, log[at]!.open),
  'removes a line': (log, at) => lines(log.toSpliced(at, 1), at, true),
  'removes a line and renumbers': (log, at) => lines(renumbered(log.toSpliced(at, 1)), at, at === log.length - 1),
  'doubles a line': (log, at) => lines(log.toSpliced(at, 0, log[at]!), at, true),
  'doubles a line and renumbers': (log, at) => lines(renumbered(log.toSpliced(at, 0, log[at]!)), at + 1, true),
  'swaps two lines': (log, at, other) => {
    const second = (at + 1 + (other % (log.length - 1))) % log.length;
    return lines(log.with(at, log[second]!).with(second, log[at]!), Math.min(at, second), true);
  },
  'swaps two events': (log, at, other) => {
    const second = (at + 1 + (other % (log.length - 1))) % log.length;
    return lines(renumbered(log.with(at, log[second]!).with(second, log[at]!)), Math.min(at, second), false);
  },
  'cuts the end off': (log, at) => lines(log.slice(0, at), at, true),
  'inserts an event': (log, at) => lines(renumbered(log.toSpliced(at, 0, keptLog(at + 1)[at]!)), at, false),
  'builds the log anew': (log, at) => lines([...log.slice(0, at), ...keptLog(log.length).slice(at)], at, false),
};

function lines(log: readonly Kept[], firstBad: number, exact: boolean): Attack {
  return { lines: log.map(lineOf), firstBad, exact };
}

describe('in any log, with any checkpoints kept', () => {
  const worlds = fc.record({
    size: fc.integer({ min: 2, max: 24 }),
    hidden: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
    keptAt: fc.array(fc.nat({ max: 24 }), { maxLength: 4 }),
    at: fc.nat(),
    other: fc.nat(),
  });

  test.each(Object.entries(attackers))(
    'someone who %s is found, and no index before the first bad one is blamed',
    (_, attack) => {
      fc.assert(
        fc.property(worlds, ({ size, hidden, keptAt, at, other }) => {
          const log = keptLog(size, (index) => !hidden[index]);
          const kept = [...keptAt.filter((each) => each < size), size].map((each) => checkpointOf(log, each));
          expect(verdictOn(log.map(lineOf), kept)).toMatchObject({ ok: true, proven: size });
          const { lines, firstBad, exact } = attack(log, at % size, other);
          // Of an event that the reader may not see, the export holds nothing to edit.
          fc.pre(lines.join() !== log.map(lineOf).join());
          const fault = faultOf(lines, kept);
          expect(fault.proven).toBeLessThanOrEqual(firstBad);
          expect(fault.through).toBeGreaterThanOrEqual(firstBad);
          if (exact) expect(fault.index).toBe(firstBad);
          else if (fault.kind === 'replaced') expect(fault.index).toBeLessThanOrEqual(firstBad);
        }),
        { numRuns: 60 },
      );
    },
  );
});
