import { Checkbox } from 'react-aria-components';
import './field.css';

/** One thing to say yes to. */
export function CheckField({
  label,
  value,
  onChange,
}: {
  label: string;
  value: boolean;
  onChange: (value: boolean) => void;
}) {
  return (
    <Checkbox className="choice" isSelected={value} onChange={onChange}>
      <span className="choice-box" aria-hidden>
        {value && '✓'}
      </span>
      {label}
    </Checkbox>
  );
}
