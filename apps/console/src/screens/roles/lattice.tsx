import { type KeyboardEvent, useMemo, useRef } from 'react';
import { Link } from 'react-router';
import { layOut, type PlacedBox, type Point } from './layered-layout';
import { shortName } from './role-group';
import { type RoleOrder } from './role-order';
import './roles.css';

export interface DrawnRole {
  readonly name: string;
  readonly title: string;
}

const boxHeight = 46;
const spacing = { boxHeight, columnGap: 24, rowGap: 44 };
const margin = 8;
const characterWidth = 7.4;

/** A smooth line that leaves and arrives upright, through all its bends. */
function lineThrough(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let before = first;
  let path = `M${first.x} ${first.y}`;
  for (const point of rest) {
    const half = (point.y - before.y) / 2;
    path += `C${before.x} ${before.y + half} ${point.x} ${point.y - half} ${point.x} ${point.y}`;
    before = point;
  }
  return path;
}

/** The roles as a drawing: who lies above holds all that those below hold. Tab or the arrows move between them, Enter opens one. */
export function Lattice({
  roles,
  order: { places, edges },
  chosen,
  addressOf,
}: {
  roles: readonly DrawnRole[];
  order: RoleOrder;
  /** The name of a role. */
  chosen: string | undefined;
  addressOf: (name: string) => string;
}) {
  const drawing = useRef<SVGSVGElement>(null);
  const layout = useMemo(() => {
    const boxes = [...new Set(places.values())].map(({ id, names }) => ({
      id,
      width:
        24 + characterWidth * Math.max(...[...names.map(shortName), titleOf(id, roles)].map(({ length }) => length), 8),
    }));
    return layOut(boxes, edges, spacing);
  }, [places, edges, roles]);
  const chosenId = chosen === undefined ? undefined : places.get(chosen)?.id;
  const focus = (id: string | undefined) =>
    id !== undefined && drawing.current?.querySelector<SVGElement>(`[data-role="${CSS.escape(id)}"]`)?.focus();
  const move = (event: KeyboardEvent, from: PlacedBox) => {
    const to = neighbour(event.key, from, layout.boxes, edges);
    if (to === null) return;
    event.preventDefault();
    focus(to);
  };
  return (
    <div className="lattice-frame">
      <svg
        ref={drawing}
        className="lattice"
        role="group"
        aria-label="Roles, the higher above the lower. Arrow keys move along the lines."
        width={layout.width + 2 * margin}
        height={layout.height + 2 * margin}
        viewBox={`${-margin} ${-margin} ${layout.width + 2 * margin} ${layout.height + 2 * margin}`}
      >
        <g aria-hidden>
          {layout.edges.map(({ upper, lower, points }) => (
            <path
              key={`${upper} ${lower}`}
              className="lattice-line"
              data-chosen={upper === chosenId || lower === chosenId || undefined}
              d={lineThrough(points)}
            />
          ))}
        </g>
        {readingOrder(layout.boxes).map((box) => {
          const names = places.get(box.id)?.names ?? [];
          const title = titleOf(box.id, roles);
          return (
            <Link
              key={box.id}
              to={addressOf(box.id)}
              preventScrollReset
              className="lattice-role"
              data-role={box.id}
              aria-label={`${title} (${names.join(' and ')})${saidBelow(box.id, edges)}`}
              aria-current={box.id === chosenId ? 'true' : undefined}
              onKeyDown={(event) => move(event, box)}
            >
              <rect x={box.x - box.width / 2} y={box.y - boxHeight / 2} width={box.width} height={boxHeight} rx={8} />
              <text x={box.x} y={box.y - 5} className="lattice-title">
                {title}
              </text>
              <text x={box.x} y={box.y + 13} className="lattice-name">
                {names.map(shortName).join(' = ')}
              </text>
            </Link>
          );
        })}
      </svg>
    </div>
  );
}

const titleOf = (name: string, roles: readonly DrawnRole[]): string =>
  roles.find((role) => role.name === name)?.title ?? name;

/** From the top down, each layer from its start: what Tab goes by. */
const readingOrder = (boxes: readonly PlacedBox[]): PlacedBox[] =>
  [...boxes].sort((a, b) => b.layer - a.layer || a.x - b.x);

function saidBelow(id: string, edges: RoleOrder['edges']): string {
  const below = edges.filter(([upper]) => upper === id).map(([, lower]) => lower);
  return below.length === 0 ? '' : `, above ${below.join(', ')}`;
}

/** Where an arrow leads; null: the key is none, or leads nowhere. */
function neighbour(
  key: string,
  from: PlacedBox,
  boxes: readonly PlacedBox[],
  edges: RoleOrder['edges'],
): string | null {
  const nearest = (ids: readonly string[]) =>
    boxes
      .filter(({ id }) => ids.includes(id))
      .sort(
        (a, b) =>
          Math.abs(a.layer - from.layer) - Math.abs(b.layer - from.layer) ||
          Math.abs(a.x - from.x) - Math.abs(b.x - from.x),
      )[0]?.id ?? null;
  const beside = (side: number) =>
    nearest(boxes.filter(({ layer, x }) => layer === from.layer && Math.sign(x - from.x) === side).map(({ id }) => id));
  switch (key) {
    case 'ArrowUp':
      return nearest(edges.filter(([, lower]) => lower === from.id).map(([upper]) => upper));
    case 'ArrowDown':
      return nearest(edges.filter(([upper]) => upper === from.id).map(([, lower]) => lower));
    case 'ArrowLeft':
      return beside(-1);
    case 'ArrowRight':
      return beside(1);
    default:
      return null;
  }
}
