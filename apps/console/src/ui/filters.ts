import { useSearchParams } from 'react-router';

/** What a list is narrowed by, kept in the address: a narrowed list can be sent to a colleague, and "back" undoes nothing. */
export function useFilters<const Name extends string>(names: readonly Name[]) {
  const [search, setSearch] = useSearchParams();
  const values = Object.fromEntries(names.map((name) => [name, search.get(name) ?? ''])) as Record<Name, string>;
  const set = (name: Name, value: string) =>
    setSearch(
      (before) => {
        const after = new URLSearchParams(before);
        if (value === '') after.delete(name);
        else after.set(name, value);
        return after;
      },
      { replace: true },
    );
  return { values, set, isNarrowed: names.some((name) => values[name] !== '') };
}
