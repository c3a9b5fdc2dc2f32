import { type ReactNode } from 'react';
import { FieldError, Input, Label, NumberField as AriaNumberField, Text } from 'react-aria-components';

/** A whole number; null where none is given. Arrow keys count up and down. */
export function NumberField({
  label,
  hint,
  name,
  min,
  max,
  value,
  onChange,
}: {
  label: string;
  hint?: ReactNode;
  name: string;
  min: number;
  max: number;
  value: number | null;
  onChange: (value: number | null) => void;
}) {
  return (
    <AriaNumberField
      className="field"
      name={name}
      minValue={min}
      maxValue={max}
      step={1}
      formatOptions={{ maximumFractionDigits: 0, useGrouping: false }}
      value={value ?? NaN}
      onChange={(given) => onChange(Number.isNaN(given) ? null : given)}
    >
      <Label className="field-label">{label}</Label>
      <Input className="input" />
      {hint !== undefined && (
        <Text slot="description" className="field-hint">
          {hint}
        </Text>
      )}
      <FieldError className="field-error" />
    </AriaNumberField>
  );
}
