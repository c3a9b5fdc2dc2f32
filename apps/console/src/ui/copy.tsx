import { useEffect, useState } from 'react';
import { Button } from './button';

/** Puts a text on the clipboard, and says so. */
export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [said, setSaid] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => setSaid(null), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      // Absent where the context is not secure.
      await navigator.clipboard.writeText(text);
      setSaid('copied');
    } catch {
      setSaid('failed');
    }
  };
  return (
    <>
      <Button aria-label={label} onPress={() => void copy()}>
        {said === 'copied' ? 'Copied' : said === 'failed' ? 'Select and copy' : 'Copy'}
      </Button>
      <span role="status" className="visually-hidden">
        {said === 'copied' && 'Copied'}
        {said === 'failed' && 'The browser did not allow it: select the text and copy it'}
      </span>
    </>
  );
}

/** An id or address, to read and to take along. */
export function CopyText({ text, label }: { text: string; label: string }) {
  return (
    <span className="row">
      <code>{text}</code>
      <CopyButton text={text} label={`Copy ${label}`} />
    </span>
  );
}
