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
  /** All of them together, as a form that is sent says them: a step that "back" takes back. */
  const setAll = (all: Readonly<Record<Name, string>>) =>
    setSearch((before) => {
      const after = new URLSearchParams(before);
      for (const name of names) {
        if (all[name] === '') after.delete(name);
        else after.set(name, all[name]);
      }
      return after;
    });
  return { values, set, setAll, isNarrowed: names.some((name) => values[name] !== '') };
}
