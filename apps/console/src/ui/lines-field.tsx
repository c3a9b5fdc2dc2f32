import { useId, useState } from 'react';
import { Button } from './button';
import { LineField } from './field';

/** A list of short texts (networks, buckets, permissions): one is added by Enter or by the button, and each can be taken away. */
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
  /** What is made of a typed text. */
  mend?: (text: string) => string;
}) {
  const [typed, setTyped] = useState('');
  const list = useId();
  const add = () => {
    // Whoever pastes several, pastes them with commas, spaces or lines between.
    const added = typed
      .split(/[\s,]+/)
      .map(mend)
      .filter((one) => one !== '' && !value.includes(one));
    if (added.length > 0) onChange([...value, ...new Set(added)]);
    setTyped('');
  };
  return (
    <div className="field">
      <ul className="lines" id={list} aria-label={label}>
        {value.map((one) => (
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
        onChange={setTyped}
        onBlur={add}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || typed.trim() === '') return event.continuePropagation();
          event.preventDefault();
          add();
        }}
        {...(hint !== undefined && { hint })}
        {...(placeholder !== undefined && { placeholder })}
      />
    </div>
  );
}
