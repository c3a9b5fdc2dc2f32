import { useState } from 'react';
import { SelectField } from '../ui/field';

const themes = [
  { id: 'system', label: 'Theme of the system' },
  { id: 'light', label: 'Light' },
  { id: 'dark', label: 'Dark' },
];

/** A choice of this browser; `theme.js` takes it up before the page is painted. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(document.documentElement.dataset['theme'] ?? 'system');
  const choose = (chosen: string) => {
    setTheme(chosen);
    if (chosen === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = chosen;
    try {
      if (chosen === 'system') localStorage.removeItem('portcullis-theme');
      else localStorage.setItem('portcullis-theme', chosen);
    } catch {
      // A browser without storage forgets it with the page.
    }
  };
  return <SelectField label="Theme" isLabelHidden options={themes} value={theme} onChange={choose} />;
}
