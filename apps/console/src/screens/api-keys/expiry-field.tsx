import { useState } from 'react';
import { type Option, SelectField } from '../../ui/field';
import { NumberField } from '../../ui/number-field';

const suggested = 90;
const usual = [7, 30, suggested, 180, 365];
const lastDay = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });

/** In how many days a key ends; null: never. */
export function ExpiryField({
  value,
  onChange,
  canBeEndless,
}: {
  value: number | null;
  onChange: (days: number | null) => void;
  canBeEndless: boolean;
}) {
  const [isOther, setOther] = useState(value !== null && !usual.includes(value));
  const [today] = useState(() => Date.now());
  const options: Option[] = [
    ...usual.map((days) => ({ id: String(days), label: `${days} days${days === suggested ? ' (suggested)' : ''}` })),
    { id: 'other', label: 'Another number of days' },
    ...(canBeEndless ? [{ id: 'never', label: 'Never' }] : []),
  ];
  const choose = (id: string) => {
    setOther(id === 'other');
    onChange(id === 'other' ? (value ?? suggested) : id === 'never' ? null : Number(id));
  };
  return (
    <>
      <SelectField
        label="Expires after"
        name="expires_in_days"
        hint={
          value === null
            ? 'It works until somebody stops it. A key that ends is renewed by rotating it in time.'
            : `It is refused from ${lastDay.format(today + value * 86_400_000)} on.`
        }
        options={options}
        value={isOther ? 'other' : value === null ? 'never' : String(value)}
        onChange={choose}
      />
      {isOther && value !== null && (
        <NumberField label="Days" name="days" min={1} max={365} hint="1 to 365." value={value} onChange={onChange} />
      )}
    </>
  );
}
