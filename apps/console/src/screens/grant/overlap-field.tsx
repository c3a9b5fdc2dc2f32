import { SelectField } from '../../ui/field';

export const day = 86_400;

const overlaps = [
  { id: '0', label: 'None: the old one is refused at once' },
  { id: '3600', label: '1 hour' },
  { id: String(day), label: '1 day' },
  { id: String(7 * day), label: '7 days' },
  { id: String(30 * day), label: '30 days' },
];

/** How long what is replaced is good beside what replaces it, in seconds. */
export function OverlapField({ value, onChange }: { value: number; onChange: (seconds: number) => void }) {
  return (
    <SelectField
      label="Overlap"
      name="overlap_seconds"
      hint="How long the old one goes on to work beside the new one."
      options={overlaps}
      value={String(value)}
      onChange={(seconds) => onChange(Number(seconds))}
    />
  );
}
