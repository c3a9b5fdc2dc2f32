import { type Box, layOut, type Layout } from './layered-layout';

const spacing = { boxHeight: 40, columnGap: 20, rowGap: 30 };
const box = (id: string, width = 100): Box => ({ id, width });

/** Numbers of 0 up to 1 that look like chance and are the same each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

/** Some boxes, and edges that lead from earlier ones to later ones alone. */
function someOrder(seed: number): { boxes: Box[]; edges: [string, string][] } {
  const next = chance(seed);
  const boxes = Array.from({ length: 3 + Math.floor(next() * 22) }, (_, id) => box(String(id), 40 + next() * 160));
  const edges = boxes.flatMap((_, upper) =>
    boxes.flatMap((_, lower): [string, string][] =>
      upper < lower && next() < 0.15 ? [[String(upper), String(lower)]] : [],
    ),
  );
  return { boxes, edges };
}

function overlaps({ boxes }: Layout): string[] {
  return boxes.flatMap((a, index) =>
    boxes
      .slice(index + 1)
      .filter(
        (b) =>
          Math.abs(a.x - b.x) < (a.width + b.width) / 2 + spacing.columnGap - 0.001 &&
          Math.abs(a.y - b.y) < spacing.boxHeight,
      )
      .map((b) => `${a.id} and ${b.id}`),
  );
}

/** Bends that lie in a box: a line would seem to end there. */
const hidden = ({ boxes, edges }: Layout) =>
  edges.flatMap(({ points }) =>
    points.slice(1, -1).filter(({ x, y }) => boxes.some((one) => one.y === y && Math.abs(one.x - x) < one.width / 2)),
  );

describe.each(Array.from({ length: 40 }, (_, seed) => seed + 1))('order %i', (seed) => {
  const { boxes, edges } = someOrder(seed);
  const layout = layOut(boxes, edges, spacing);

  test('every edge goes downhill, from its box to its other box', () => {
    const at = new Map(layout.boxes.map((one) => [one.id, { x: one.x, y: one.y }]));
    for (const { upper, lower, points } of layout.edges) {
      expect([points[0], points.at(-1)]).toEqual([at.get(upper), at.get(lower)]);
      for (const [index, { y }] of points.slice(1).entries()) expect(y).toBeGreaterThan(points[index]?.y ?? Infinity);
    }
    expect(layout.edges.map(({ upper, lower }) => [upper, lower])).toEqual(edges);
  });

  test('no two boxes overlap, and no line bends inside of one', () => {
    expect(overlaps(layout)).toEqual([]);
    expect(hidden(layout)).toEqual([]);
  });

  test('all is inside of the drawing', () => {
    for (const { x, y, width } of layout.boxes) {
      expect(x - width / 2).toBeGreaterThan(-0.001);
      expect(x + width / 2).toBeLessThan(layout.width + 0.001);
      expect(y - spacing.boxHeight / 2).toBeGreaterThanOrEqual(0);
      expect(y + spacing.boxHeight / 2).toBeLessThanOrEqual(layout.height);
    }
  });
});

test('the length of the longest way down is the layer', () => {
  const { boxes } = layOut(
    [box('top'), box('side'), box('middle'), box('bottom')],
    [
      ['top', 'side'],
      ['top', 'middle'],
      ['middle', 'bottom'],
      ['top', 'bottom'],
    ],
    spacing,
  );
  expect(Object.fromEntries(boxes.map(({ id, layer }) => [id, layer]))).toEqual({
    top: 2,
    side: 0,
    middle: 1,
    bottom: 0,
  });
});

test('two pairs do not cross', () => {
  const { boxes } = layOut(
    [box('a'), box('b'), box('y'), box('x')],
    [
      ['a', 'x'],
      ['b', 'y'],
    ],
    spacing,
  );
  const x = new Map(boxes.map((one) => [one.id, one.x]));
  const isLeftOf = (one: string, other: string) => (x.get(one) ?? 0) < (x.get(other) ?? 0);
  expect(isLeftOf('a', 'b')).toBe(isLeftOf('x', 'y'));
});

test('nothing has no size', () => {
  expect(layOut([], [], spacing)).toEqual({ boxes: [], edges: [], width: 0, height: 0 });
});
