export interface Box {
  readonly id: string;
  readonly width: number;
}

export interface PlacedBox extends Box {
  /** Of its middle. */
  readonly x: number;
  readonly y: number;
  /** 0 is the lowest. */
  readonly layer: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly boxes: readonly PlacedBox[];
  /** From the upper box to the lower; where it passes layers between, it bends there. */
  readonly edges: readonly { readonly upper: string; readonly lower: string; readonly points: readonly Point[] }[];
  readonly width: number;
  readonly height: number;
}

export interface Spacing {
  readonly boxHeight: number;
  readonly columnGap: number;
  readonly rowGap: number;
}

interface Item {
  readonly id: string;
  readonly width: number;
  readonly layer: number;
  /** Ids of what it is joined to in the next layer above and below. */
  readonly above: string[];
  readonly below: string[];
  x: number;
}

const sweeps = 8;
const bendWidth = 12;

/**
 * A drawing of an order in layers (Sugiyama, Tagawa and Toda, 1981): a box lies above all that it leads to (longest path), a line that
 * passes a layer has a place in it, crossings are lessened by barycentres, and boxes come as near to what they are joined to as the gaps allow.
 * @param edges from upper to lower, without a cycle
 * @returns in the unit of the widths; the upper left corner is 0, 0
 */
export function layOut(boxes: readonly Box[], edges: readonly (readonly [string, string])[], spacing: Spacing): Layout {
  const layerOf = layersOf(boxes, edges);
  const items = new Map<string, Item>();
  const put = (id: string, width: number, layer: number): Item => {
    const item = { id, width, layer, above: [], below: [], x: 0 };
    items.set(id, item);
    return item;
  };
  for (const { id, width } of boxes) put(id, width, layerOf.get(id) ?? 0);
  const bends = edges.map(([upper, lower]) => {
    const path = [upper];
    for (let layer = (layerOf.get(upper) ?? 0) - 1; layer > (layerOf.get(lower) ?? 0); layer--)
      path.push(put(`${upper}\n${lower}\n${layer}`, bendWidth, layer).id);
    path.push(lower);
    path.slice(1).forEach((id, index) => {
      const before = path[index] ?? '';
      items.get(before)?.below.push(id);
      items.get(id)?.above.push(before);
    });
    return { upper, lower, path };
  });

  const layers: Item[][] = Array.from({ length: 1 + Math.max(-1, ...layerOf.values()) }, () => []);
  for (const item of items.values()) layers[item.layer]?.push(item);
  lessenCrossings(layers);
  placeColumns(layers, items, spacing.columnGap);

  const left = Math.min(0, ...[...items.values()].map(({ x, width }) => x - width / 2));
  const right = Math.max(0, ...[...items.values()].map(({ x, width }) => x + width / 2));
  const rowHeight = spacing.boxHeight + spacing.rowGap;
  const yOf = (layer: number) => (layers.length - 1 - layer) * rowHeight + spacing.boxHeight / 2;
  const pointOf = (id: string): Point => {
    const { x, layer } = items.get(id) ?? { x: 0, layer: 0 };
    return { x: x - left, y: yOf(layer) };
  };
  return {
    boxes: boxes.map(({ id, width }) => ({ id, width, ...pointOf(id), layer: layerOf.get(id) ?? 0 })),
    edges: bends.map(({ upper, lower, path }) => ({ upper, lower, points: path.map(pointOf) })),
    width: right - left,
    height: Math.max(0, layers.length * rowHeight - spacing.rowGap),
  };
}

/** Of each box the length of the longest path down from it. */
function layersOf(boxes: readonly Box[], edges: readonly (readonly [string, string])[]): Map<string, number> {
  const layers = new Map<string, number>();
  const layerOf = (id: string): number => {
    const known = layers.get(id);
    if (known !== undefined) return known;
    const below = edges.filter(([upper]) => upper === id).map(([, lower]) => 1 + layerOf(lower));
    const layer = Math.max(0, ...below);
    layers.set(id, layer);
    return layer;
  };
  for (const { id } of boxes) layerOf(id);
  return layers;
}

const mean = (numbers: readonly number[], otherwise: number) =>
  numbers.length === 0 ? otherwise : numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

/** Each layer is sorted by the mean place of what its boxes are joined to in the layer before, downwards and upwards in turn. */
function lessenCrossings(layers: Item[][]): void {
  const places = new Map<string, number>();
  const note = (layer: Item[]) => layer.forEach(({ id }, place) => places.set(id, place));
  layers.forEach(note);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isDown = sweep % 2 === 0;
    for (const layer of isDown ? [...layers].reverse() : layers) {
      const wanted = new Map(
        layer.map(({ id, above, below }, place) => [
          id,
          mean(
            (isDown ? above : below).map((other) => places.get(other) ?? 0),
            place,
          ),
        ]),
      );
      layer.sort((a, b) => (wanted.get(a.id) ?? 0) - (wanted.get(b.id) ?? 0));
      note(layer);
    }
  }
}

function placeColumns(layers: readonly Item[][], items: ReadonlyMap<string, Item>, gap: number): void {
  for (const layer of layers)
    place(
      layer,
      layer.map(() => 0),
      gap,
    );
  for (let sweep = 0; sweep < sweeps; sweep++)
    for (const layer of sweep % 2 === 0 ? layers : [...layers].reverse())
      place(
        layer,
        layer.map(({ above, below, x }) =>
          mean(
            [...above, ...below].map((id) => items.get(id)?.x ?? 0),
            x,
          ),
        ),
        gap,
      );
}

/**
 * As near to what is wanted (least squares) as the order and the gaps of a layer allow: isotonic regression by pooling adjacent
 * violators, of the places less what must lie to their left.
 */
function place(layer: readonly Item[], wanted: readonly number[], gap: number): void {
  let offset = 0;
  const offsets = layer.map(({ width }, index) => {
    const before = layer[index - 1];
    if (before) offset += before.width / 2 + gap + width / 2;
    return offset;
  });
  const pools: { sum: number; count: number }[] = [];
  layer.forEach((_, index) => {
    let pool = { sum: (wanted[index] ?? 0) - (offsets[index] ?? 0), count: 1 };
    for (let last = pools.at(-1); last && last.sum / last.count > pool.sum / pool.count; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  });
  const places = pools.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count));
  layer.forEach((item, index) => (item.x = (places[index] ?? 0) + (offsets[index] ?? 0)));
}
