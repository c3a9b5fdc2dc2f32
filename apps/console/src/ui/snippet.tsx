import { CopyButton } from './copy';
import './snippet.css';

/** Text to take along: a file or a command, and where it goes. */
export function Snippet({ title, text }: { title: string; text: string }) {
  return (
    <figure className="snippet">
      <figcaption className="row spread">
        <span className="snippet-title">{title}</span>
        <CopyButton text={text} label={`Copy: ${title}`} />
      </figcaption>
      {/* What scrolls has to be reached by keyboard. */}
      <pre tabIndex={0} aria-label={title}>
        {text}
      </pre>
    </figure>
  );
}
