import { useOwners } from '../../api/owners';
import { SelectField } from '../../ui/field';

/** Who a new key belongs to: whoever makes it (null), or a service account that works. */
export function OwnerField({ value, onChange }: { value: string | null; onChange: (id: string | null) => void }) {
  const accounts = useOwners().filter(
    ({ kind, id, isActive }) => kind === 'service_account' && (isActive || id === value),
  );
  return (
    <SelectField
      label="Owner"
      name="service_account_id"
      hint="It never holds more than its owner holds now, and stops with them. A key of a system belongs to a service account."
      options={[
        { id: 'me', label: 'You' },
        ...accounts.map(({ id, name }) => ({ id, label: `${name} (service account)` })),
        ...(value !== null && !accounts.some(({ id }) => id === value) ? [{ id: value, label: value }] : []),
      ]}
      value={value ?? 'me'}
      onChange={(id) => onChange(id === 'me' ? null : id)}
    />
  );
}
