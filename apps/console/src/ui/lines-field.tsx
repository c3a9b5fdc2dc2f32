import { useRef, useState } from 'react';
import { Button } from './button';
import { LineField } from './field';
import { withTyped } from './typed-lines';

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
  // Of the value, what is there by the typing alone: an entry that it passes through stays.
  const [added, setAdded] = useState<readonly string[]>([]);
  const frame = useRef<HTMLDivElement>(null);
  // Whoever pastes several, pastes them with commas, spaces or lines between.
  const read = (text: string) =>
    text
      .split(/[\s,]+/)
      .map(mend)
      .filter((one) => one !== '');
  const settled = value.filter((one) => !added.includes(one));
  const hold = (above: readonly string[], text: string) => {
    const now = withTyped(above, read(text));
    setTyped(text);
    setAdded(now.added);
    onChange(now.value);
  };
  return (
    <div className="field" ref={frame}>
      <ul className="lines" aria-label={label}>
        {settled.map((one) => (
          <li key={one} className="lines-item">
            <code>{one}</code>
            <Button
              kind="quiet"
              aria-label={`Remove ${one}`}
              onPress={() => {
                const left = settled.filter((other) => other !== one);
                hold(left, typed);
                // The button goes with its line: the keyboard stays here.
                frame.current?.querySelector('input')?.focus();
              }}
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
        onChange={(text) => hold(settled, text)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || typed.trim() === '') return event.continuePropagation();
          event.preventDefault();
          setTyped('');
          setAdded([]);
        }}
        {...(hint !== undefined && { hint })}
        {...(placeholder !== undefined && { placeholder })}
      />
    </div>
  );
}
