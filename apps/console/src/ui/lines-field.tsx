import { useId, useState } from 'react';
import { Button } from './button';
import { LineField } from './field';

/**
 * A list of short texts, such as networks. What is typed counts as it is typed, so that nothing moves when the field is left; Enter puts it
 * above and makes room for the next. Each can be taken away.
 */
export function LinesField({
  label,
  hint,
  name,
  placeholder,
  value,
  onChange,
  mend = (text) => text.trim(),
}: {
  label: string;
  hint?: string;
  name: string;
  placeholder?: string;
  value: readonly string[];
  onChange: (value: string[]) => void;
  /** What is made of each text that is typed. */
  mend?: (text: string) => string;
}) {
  const [typed, setTyped] = useState('');
  const list = useId();
  // Whoever pastes several, pastes them with commas, spaces or lines between.
  const read = (text: string) =>
    text
      .split(/[\s,]+/)
      .map(mend)
      .filter((one) => one !== '');
  const unsettled = read(typed);
  const settled = value.filter((one) => !unsettled.includes(one));
  const type = (text: string) => {
    setTyped(text);
    onChange([...new Set([...settled, ...read(text)])]);
  };
  return (
    <div className="field">
      <ul className="lines" id={list} aria-label={label}>
        {settled.map((one) => (
          <li key={one} className="lines-item">
            <code>{one}</code>
            <Button
              kind="quiet"
              aria-label={`Remove ${one}`}
              onPress={() => onChange(value.filter((other) => other !== one))}
            >
              ✕
            </Button>
          </li>
        ))}
      </ul>
      <LineField
        label={label}
        name={name}
        mono
        value={typed}
        onChange={type}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || typed.trim() === '') return event.continuePropagation();
          event.preventDefault();
          setTyped('');
        }}
        {...(hint !== undefined && { hint })}
        {...(placeholder !== undefined && { placeholder })}
      />
    </div>
  );
}
