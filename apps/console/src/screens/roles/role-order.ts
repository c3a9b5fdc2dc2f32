/** Of a role what its place in the order is made from (`GET /v1/roles`). */
export interface OrderedRole {
  readonly name: string;
  /** Every role below it. */
  readonly covers: readonly string[];
}

/** Roles that hold exactly the same are one place. */
export interface Place {
  /** The first of its names. */
  readonly id: string;
  readonly names: readonly string[];
}

export interface RoleOrder {
  /** By name of any role in it. */
  readonly places: ReadonlyMap<string, Place>;
  /** From the upper to the next below it, by id; what follows from others is left out. */
  readonly edges: readonly (readonly [upper: string, lower: string])[];
}

/** The order among some roles, as it is drawn: its Hasse diagram. Roles that are covered and not among them are left out. */
export function orderOf(roles: readonly OrderedRole[]): RoleOrder {
  const covers = new Map(roles.map(({ name, covers: below }) => [name, new Set(below)]));
  const isAbove = (a: string, b: string) => covers.get(a)?.has(b) ?? false;
  const places = new Map<string, Place>();
  for (const { name } of roles) {
    if (places.has(name)) continue;
    const names = [name, ...roles.map((other) => other.name).filter((b) => isAbove(name, b) && isAbove(b, name))];
    const place = { id: name, names: [...new Set(names)] };
    for (const one of place.names) places.set(one, place);
  }
  const ids = [...new Set(places.values())].map(({ id }) => id);
  const edges = ids.flatMap((upper) => {
    const below = ids.filter((id) => id !== upper && isAbove(upper, id));
    return below
      .filter((lower) => !below.some((between) => between !== lower && isAbove(between, lower)))
      .map((lower) => [upper, lower] as const);
  });
  return { places, edges };
}
