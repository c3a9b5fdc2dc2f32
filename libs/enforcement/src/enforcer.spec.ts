import { Enforcer, type Instant, type Outgoing } from './enforcer.js';
import { tag, type Marker, type Renewed } from './messages.js';

const at = (ms: number, wallMs = ms): Instant => ({ monotonicMs: 1e6 + ms, wallMs: 1e12 + wallMs });
const marker = (seq: number, id: string, rest: Partial<Marker> = {}): Marker => {
  return { seq, scope: 'credential', id, effect: 'drop', ...rest };
};
const renewed = (seq: number, markers: Marker[] = [], leaseMs = 5000): Renewed => {
  return { kind: 'renewed', history: 'h', seq, markers, leaseMs };
};
const about = (seq: number, id = 'k'): Parameters<Enforcer<string>['remember']>[2] => {
  return { authority: 'api-key', at: { history: 'h', seq }, tags: [tag('credential', id), tag('organization', 'o')] };
};
const kinds = (outgoing: Outgoing[]): string[] => outgoing.map(({ message }) => message.kind);

function fresh(authorities = ['api-key'], maxEntries = 3): Enforcer<string> {
  return new Enforcer({ id: 'g', authorities, driftMs: 100, maxEntries, maxNegativeEntries: 2 });
}

/** Joined and granted at 0. */
function leased(seq = 10, markers: Marker[] = []): { enforcer: Enforcer<string>; renewal: Outgoing } {
  const enforcer = fresh();
  const [join] = enforcer.due(at(0));
  const [renewal] = enforcer.onReply(join!, { kind: 'joined' }, at(0));
  enforcer.onReply(renewal!, renewed(seq, markers), at(0));
  return { enforcer, renewal: renewal! };
}

function renewAt(enforcer: Enforcer<string>, ms: number): Outgoing {
  const [renewal] = enforcer.due(at(ms));
  expect(renewal?.message.kind).toBe('renew');
  return renewal!;
}

describe('joining', () => {
  test('is an exchange of its own; then everything is loaded, page by page, before there is a lease', () => {
    const enforcer = fresh();
    const [join] = enforcer.due(at(0));
    expect(join?.message).toEqual({ kind: 'join', enforcerId: 'g', incarnation: 1 });
    const [load] = enforcer.onReply(join!, { kind: 'joined' }, at(5));
    expect(load?.message).toEqual({ kind: 'renew', enforcerId: 'g', incarnation: 1, appliedThrough: 0 });
    const family = marker(3, 'f', { scope: 'family', effect: 'block' });
    const page = enforcer.onReply(load!, renewed(3, [family], 0), at(9));
    expect(kinds(page)).toEqual(['ack', 'renew']);
    expect(enforcer.holdsLease('api-key', at(9))).toBe(false);
    expect(enforcer.remember('k', 'record', about(99), at(9))).toBe('no-lease');
    expect(kinds(enforcer.onReply(page[1]!, renewed(7), at(12)))).toEqual(['ack']);
    expect(enforcer.holdsLease('api-key', at(12))).toBe(true);
    expect(enforcer.judge({ tags: ['family:f'], under: ['api-key'] }, at(12)).outcome).toBe('blocked');
  });

  test('is asked again every second while nobody answers', () => {
    const enforcer = fresh();
    expect(kinds(enforcer.due(at(0)))).toEqual(['join']);
    expect(enforcer.due(at(999))).toEqual([]);
    expect(kinds(enforcer.due(at(1000)))).toEqual(['join']);
  });

  test('a fenced enforcer empties its cache and joins as a new incarnation', () => {
    const { enforcer } = leased();
    enforcer.remember('k', 'record', about(10), at(1));
    const renewal = renewAt(enforcer, 1000);
    const [join] = enforcer.onReply(renewal, { kind: 'rejoin', reason: 'fenced' }, at(1010));
    expect(join?.message).toEqual({ kind: 'join', enforcerId: 'g', incarnation: 2 });
    expect(enforcer.size.records).toBe(0);
    expect(enforcer.holdsLease('api-key', at(1010))).toBe(false);
    expect(enforcer.onReply(renewal, renewed(10), at(1020))).toEqual([]);
    expect(enforcer.holdsLease('api-key', at(1020))).toBe(false);
  });
});

describe('the lease', () => {
  test('runs until sent + L − drift, whenever the answer came', () => {
    const { enforcer } = leased();
    enforcer.remember('k', 'record', about(10), at(1));
    expect(enforcer.recall('k', at(4899))).toEqual({ outcome: 'record', record: 'record' });
    expect(enforcer.recall('k', at(4900)).outcome).toBe('none');
    expect(enforcer.judge({ tags: [], under: ['api-key'] }, at(4900))).toEqual({
      outcome: 'no-lease',
      authorities: ['api-key'],
    });
  });

  test('is not shortened by an older answer, and a late one gives nothing', () => {
    const { enforcer } = leased();
    const older = renewAt(enforcer, 1000);
    const newer = renewAt(enforcer, 2000);
    enforcer.onReply(newer, renewed(10), at(2010));
    enforcer.onReply(older, renewed(10), at(2020));
    expect(enforcer.holdsLease('api-key', at(6899))).toBe(true);
    const late = renewAt(enforcer, 6899);
    expect(enforcer.holdsLease('api-key', at(6900))).toBe(false);
    expect(enforcer.onReply(late, renewed(10), at(6901))).toEqual([]);
    expect(enforcer.holdsLease('api-key', at(6901))).toBe(false);
  });

  test.each([
    ['the wall clock alone has moved on', at(10, 5000)],
    ['the monotonic clock alone has moved on', at(5000, 10)],
    ['the wall clock was set back', at(1000, 800)],
  ])('is lost for good when %s', (_, now) => {
    const { enforcer, renewal } = leased();
    expect(enforcer.holdsLease('api-key', now)).toBe(false);
    enforcer.onReply(renewal, renewed(10), at(1001));
    expect(enforcer.holdsLease('api-key', at(1001))).toBe(false);
  });

  test('is needed from every authority that a record depends on', () => {
    const enforcer = fresh(['api-key', 'identity']);
    const joins = enforcer.due(at(0));
    const grant = (join: Outgoing): void => {
      const [renewal] = enforcer.onReply(join, { kind: 'joined' }, at(0));
      enforcer.onReply(renewal!, renewed(10), at(0));
    };
    grant(joins[0]!);
    const both = { ...about(10), under: ['identity'] };
    expect(enforcer.remember('k', 'record', both, at(1))).toBe('no-lease');
    grant(joins[1]!);
    expect(enforcer.remember('k', 'record', both, at(1))).toBe('kept');
    const suspended = marker(11, 'o', { scope: 'organization', effect: 'block' });
    enforcer.onMarkers('identity', { history: 'h', markers: [suspended] }, at(2));
    expect(enforcer.recall('k', at(2)).outcome).toBe('none');
    expect(enforcer.remember('k', 'fresh', both, at(3))).toBe('kept');
    expect(enforcer.recall('k', at(3))).toMatchObject({ outcome: 'blocked', authority: 'identity', seq: 11 });
  });
});

describe('markers', () => {
  test('are applied before the lease that came with them counts', () => {
    const { enforcer } = leased();
    enforcer.remember('k', 'record', about(10), at(1));
    const [ack] = enforcer.onReply(renewAt(enforcer, 1000), renewed(11, [marker(11, 'k')]), at(1010));
    expect(ack?.message).toMatchObject({ kind: 'ack', appliedThrough: 11, history: 'h' });
    expect(enforcer.recall('k', at(1010)).outcome).toBe('none');
  });

  test('beyond a gap take effect and are acknowledged only when the gap is filled', () => {
    const { enforcer } = leased();
    enforcer.remember('k', 'record', about(10), at(1));
    const beyond = { history: 'h', markers: [marker(12, 'k')] };
    const outgoing = enforcer.onMarkers('api-key', beyond, at(500));
    expect(outgoing.map(({ message }) => message)).toMatchObject([{ kind: 'renew', appliedThrough: 10 }]);
    expect(enforcer.recall('k', at(500)).outcome).toBe('none');
    expect(enforcer.onMarkers('api-key', beyond, at(501))).toEqual([]);
    const [ack] = enforcer.onMarkers('api-key', { history: 'h', markers: [marker(11, 'x')] }, at(510));
    expect(ack?.message).toMatchObject({ kind: 'ack', appliedThrough: 12 });
  });

  test('drop a resolve that was under way, and no newer one', () => {
    const { enforcer } = leased();
    enforcer.onMarkers('api-key', { history: 'h', markers: [marker(11, 'k')] }, at(5));
    expect(enforcer.remember('k', 'old', about(10), at(6))).toBe('stale');
    expect(enforcer.remember('x', 'other', about(10, 'x'), at(6))).toBe('kept');
    expect(enforcer.remember('k', 'new', about(11), at(6))).toBe('kept');
  });

  test('that were never loaded cannot be missed: a resolve from before the load is stale', () => {
    const { enforcer } = leased(10);
    expect(enforcer.remember('k', 'old', about(9), at(1))).toBe('stale');
  });

  test('of suspension stand on every decision until a later one lifts them, in whatever order they come', () => {
    const { enforcer } = leased();
    const organization = { scope: 'organization' as const };
    const subject = { tags: [tag('organization', 'o')], under: ['api-key'] };
    const lift = marker(12, 'o', { ...organization, effect: 'lift' });
    enforcer.onMarkers('api-key', { history: 'h', markers: [lift] }, at(1));
    enforcer.onMarkers(
      'api-key',
      { history: 'h', markers: [marker(11, 'o', { ...organization, effect: 'block' })] },
      at(2),
    );
    expect(enforcer.judge(subject, at(3)).outcome).toBe('clear');
    enforcer.onMarkers(
      'api-key',
      { history: 'h', markers: [marker(13, 'o', { ...organization, effect: 'block' })] },
      at(4),
    );
    expect(enforcer.judge(subject, at(5)).outcome).toBe('blocked');
  });

  test('of a family stand as long as its tokens can live', () => {
    const family = marker(10, 'f', { scope: 'family', effect: 'block', keepMs: 3000 });
    const { enforcer } = leased(10, [family]);
    const subject = { tags: [tag('family', 'f')], under: ['api-key'] };
    expect(enforcer.judge(subject, at(2999)).outcome).toBe('blocked');
    expect(enforcer.judge(subject, at(3000)).outcome).toBe('clear');
  });

  test('of an epoch refuse lower epochs, none at all, and not their own', () => {
    const { enforcer } = leased(10, [marker(10, 'i', { scope: 'role-tokens', effect: 'epoch', epoch: 4 })]);
    const judge = (epoch?: number): string => {
      const subject = { tags: [tag('role-tokens', 'i')], under: ['api-key'], ...(epoch !== undefined && { epoch }) };
      return enforcer.judge(subject, at(1)).outcome;
    };
    expect([judge(3), judge(), judge(4)]).toEqual(['blocked', 'blocked', 'clear']);
  });

  test('of another history are not applied: the authority is asked', () => {
    const { enforcer } = leased();
    const restored = { history: 'restored', markers: [marker(11, 'k')] };
    expect(kinds(enforcer.onMarkers('api-key', restored, at(500)))).toEqual(['renew']);
    expect(enforcer.remember('k', 'record', { ...about(11), at: { history: 'restored', seq: 11 } }, at(501))).toBe(
      'stale',
    );
  });
});

describe('memory', () => {
  test('is bounded, least recently used first, and junk evicts no record', () => {
    const { enforcer } = leased();
    for (const id of ['a', 'b', 'c']) enforcer.remember(id, id, about(10, id), at(1));
    enforcer.recall('a', at(1));
    enforcer.remember('d', 'd', about(10, 'd'), at(1));
    for (let i = 0; i < 9; i++) {
      enforcer.remember(`junk${i}`, 'unknown', { ...about(10, `junk${i}`), negative: true, keepMs: 100 }, at(1));
    }
    expect(enforcer.size).toEqual({ records: 3, negatives: 2, streams: 0 });
    const found = ['a', 'b', 'c', 'd', 'junk8'].filter((id) => enforcer.recall(id, at(2)).outcome === 'record');
    expect(found).toEqual(['a', 'c', 'd', 'junk8']);
    expect(enforcer.recall('junk8', at(101)).outcome).toBe('none');
  });

  test('of an unknown credential is dropped by a marker like any other', () => {
    const { enforcer } = leased();
    enforcer.remember('k', 'unknown', { ...about(10), negative: true }, at(1));
    enforcer.onMarkers('api-key', { history: 'h', markers: [marker(11, 'k')] }, at(2));
    expect(enforcer.recall('k', at(2)).outcome).toBe('none');
  });
});

describe('what metrics show', () => {
  test('is how old the lease is, from the sending of its renewal on, by the clock that says more; none has no age', () => {
    const { enforcer } = leased();
    const shown = (now: Instant) => enforcer.status(now).map(({ leaseAgeMs, leaseMs }) => [leaseAgeMs, leaseMs]);
    expect(shown(at(700, 750))).toEqual([[750, 5000]]);
    enforcer.onReply(renewAt(enforcer, 1000), renewed(10), at(1300));
    expect(shown(at(1300))).toEqual([[300, 5000]]);
    expect(shown(at(9000))).toEqual([[null, null]]);
  });

  test('is how many markers are held', () => {
    const { enforcer } = leased(10, [
      marker(7, 'i', { scope: 'role-tokens', effect: 'epoch', epoch: 4 }),
      marker(8, 'o', { scope: 'organization', effect: 'block' }),
      marker(9, 'k'),
    ]);
    expect(enforcer.status(at(1))).toMatchObject([{ held: { blocks: 1, epochs: 1, remembered: 3 } }]);
  });

  test('is how old the oldest record is that may still be used, whichever was used last', () => {
    const { enforcer } = leased();
    expect(enforcer.oldestMs(at(1))).toEqual({ records: null, negatives: null });
    enforcer.remember('a', 'a', { ...about(10, 'a'), keepMs: 2500 }, at(0));
    enforcer.remember('b', 'b', about(10, 'b'), at(1000));
    enforcer.remember('junk', 'unknown', { ...about(10, 'junk'), negative: true }, at(2000));
    enforcer.recall('a', at(2000));
    expect(enforcer.oldestMs(at(2400))).toEqual({ records: 2400, negatives: 400 });
    expect(enforcer.oldestMs(at(2500))).toEqual({ records: 1500, negatives: 500 });
  });
});

describe('streams', () => {
  const subject = { tags: [tag('credential', 'k')], under: ['api-key'] };

  test('go on through a refresh, which drops the records', () => {
    const { enforcer } = leased();
    enforcer.remember('k', 'record', about(10), at(1));
    let closed = 0;
    const stream = enforcer.attach({ tags: ['credential:k'], under: ['api-key'] }, () => (closed += 1), at(1));
    const [acknowledged] = enforcer.onMarkers(
      'api-key',
      { history: 'h', markers: [marker(11, 'k', { effect: 'refresh' })] },
      at(2),
    );
    expect(enforcer.recall('k', at(2)).outcome).toBe('none');
    expect(enforcer.remember('k', 'stale', about(10), at(2))).toBe('stale');
    expect(acknowledged?.message).toMatchObject({ kind: 'ack', appliedThrough: 11 });
    expect(closed).toBe(0);
    expect(stream?.admits(at(3))).toBe(true);
    enforcer.onMarkers('api-key', { history: 'h', markers: [marker(12, 'k')] }, at(3));
    expect(closed).toBe(1);
  });

  test('are closed before the marker is acknowledged, even if closing one fails', () => {
    const { enforcer } = leased();
    const closed: string[] = [];
    const broken = enforcer.attach(
      subject,
      () => {
        throw new Error('gone');
      },
      at(1),
    );
    enforcer.attach(subject, () => closed.push('k'), at(1));
    enforcer.attach({ ...subject, tags: ['credential:x'] }, () => closed.push('x'), at(1));
    expect(kinds(enforcer.onMarkers('api-key', { history: 'h', markers: [marker(11, 'k')] }, at(2)))).toEqual(['ack']);
    expect(closed).toEqual(['k']);
    expect(broken?.admits(at(2))).toBe(false);
  });

  test('pass nothing on once the lease is over, seen by a timer or not', () => {
    const { enforcer } = leased();
    let closed = 0;
    const stream = enforcer.attach(subject, () => (closed += 1), at(1));
    expect(stream?.admits(at(4899))).toBe(true);
    expect(stream?.admits(at(4900))).toBe(false);
    expect(closed).toBe(1);
    expect(enforcer.attach(subject, () => undefined, at(4900))).toBeUndefined();
  });

  test('that ended are forgotten', () => {
    const { enforcer } = leased();
    enforcer.attach(subject, () => undefined, at(1))?.release();
    expect(enforcer.size.streams).toBe(0);
  });
});

test('a clean stop refuses everything from then on and says so to each authority', () => {
  const { enforcer, renewal } = leased();
  enforcer.remember('k', 'record', about(10), at(1));
  expect(enforcer.stop(at(2)).map(({ message }) => message)).toEqual([
    { kind: 'deregister', enforcerId: 'g', incarnation: 1 },
  ]);
  enforcer.onReply(renewal, renewed(10), at(3));
  expect(enforcer.recall('k', at(3)).outcome).toBe('none');
  expect(enforcer.holdsLease('api-key', at(3))).toBe(false);
  expect(enforcer.due(at(9999))).toEqual([]);
});
