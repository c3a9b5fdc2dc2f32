import { type KeyFilter } from '../../api/api-keys';
import { useOwners } from '../../api/owners';
import { type Option, SearchBox, SelectField } from '../../ui/field';

export const filterNames = ['q', 'status', 'owner', 'role', 'unused_days', 'expiring_in_days'] as const;

const statuses = [
  { id: '', label: 'Any status' },
  { id: 'active', label: 'Active' },
  { id: 'disabled', label: 'Disabled' },
  { id: 'expired', label: 'Expired' },
  { id: 'revoked', label: 'Revoked' },
];

const days = (first: string, inWords: (days: string) => string, usual: readonly string[]) => ({
  options: [{ id: '', label: first }, ...usual.map((id) => ({ id, label: inWords(id) }))],
  inWords,
});
const unused = days('Any use', (days) => `Unused for ${days} days`, ['30', '90', '180']);
const expiring = days('Any end', (days) => `Ends within ${days} days`, ['7', '14', '30', '90']);

/** What a list of keys is narrowed by. @param roles the choices of "role", of which the first is none */
export function KeyFilters({
  filters: { values, set },
  roles,
}: {
  filters: { readonly values: KeyFilter; readonly set: (name: keyof KeyFilter, value: string) => void };
  roles: readonly Option[];
}) {
  const owners = useOwners().map(({ id, name, kind }) => ({
    id,
    label: kind === 'service_account' ? `${name} (service account)` : name,
  }));
  const select = (
    name: keyof KeyFilter,
    label: string,
    options: readonly Option[],
    inWords = (value: string) => value,
  ) => {
    const value = values[name];
    // What the address says is shown, even where it is none of the usual.
    const shown = options.some(({ id }) => id === value) ? options : [...options, { id: value, label: inWords(value) }];
    return (
      <SelectField label={label} isLabelHidden options={shown} value={value} onChange={(chosen) => set(name, chosen)} />
    );
  };
  return (
    <div className="filters">
      <SearchBox label="Search by name" value={values.q} onChange={(q) => set('q', q)} />
      {select('status', 'Status', statuses)}
      {select('owner', 'Owner', [{ id: '', label: 'Any owner' }, ...owners])}
      {select('role', 'Role', roles)}
      {select('unused_days', 'Use', unused.options, unused.inWords)}
      {select('expiring_in_days', 'End', expiring.options, expiring.inWords)}
    </div>
  );
}
