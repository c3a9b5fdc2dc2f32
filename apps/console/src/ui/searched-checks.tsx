import { useState } from 'react';
import { ChecksField, type Choice, SearchBox } from './field';
import './searched-checks.css';

/** Many choices: a search narrows what is shown, and what is chosen stays chosen and is shown. */
export function SearchedChecks({
  label,
  hint,
  name,
  choices,
  value,
  onChange,
}: {
  label: string;
  hint?: string;
  name: string;
  choices: readonly Choice[];
  value: readonly string[];
  onChange: (value: string[]) => void;
}) {
  const [sought, setSought] = useState('');
  const words = sought.toLowerCase().split(/\s+/);
  const shown = choices.filter(
    ({ id, label: text, hint: more = '' }) =>
      value.includes(id) || words.every((word) => `${text} ${more}`.toLowerCase().includes(word)),
  );
  return (
    <div className="searched-checks">
      <SearchBox label={`Search: ${label}`} value={sought} onChange={setSought} />
      <div className="searched-checks-list" tabIndex={-1}>
        <ChecksField
          label={`${label} (${value.length} chosen)`}
          name={name}
          choices={shown}
          value={value}
          onChange={onChange}
          {...(hint !== undefined && { hint })}
        />
        {shown.length === 0 && <p className="soft">None is like that.</p>}
      </div>
    </div>
  );
}
