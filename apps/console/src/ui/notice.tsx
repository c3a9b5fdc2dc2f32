import { type ReactNode } from 'react';
import { isUndecided, Problem } from '../api/problem';
import { Button } from './button';
import './notice.css';

export type Tone = 'good' | 'warn' | 'bad' | 'accent';

export function Notice({ tone, title, children }: { tone?: Tone; title?: string; children?: ReactNode }) {
  return (
    <div className="notice" data-tone={tone} role={tone === 'bad' ? 'alert' : 'status'}>
      {title !== undefined && <strong>{title}</strong>}
      {children}
    </div>
  );
}

/** What went wrong, in the server's words, with the number to find it by in the audit log. */
export function ProblemNotice({
  error,
  onRepeat,
  children,
}: {
  error: unknown;
  onRepeat?: () => void;
  /** What to do about it, beside what the server says. */
  children?: ReactNode;
}) {
  if (!(error instanceof Problem)) {
    return (
      <Notice tone="bad" title="Something went wrong here">
        {String(error)}
      </Notice>
    );
  }
  const { title, detail, requestId, code } = error;
  return (
    <Notice tone="bad" title={title}>
      {detail !== '' && <p>{detail}</p>}
      {code === 'enforcement_pending' && (
        <p>The change is made. Whether every gateway goes by it is not known yet: ask again.</p>
      )}
      {children}
      {requestId !== null && (
        <p className="soft">
          Request <code>{requestId}</code>
        </p>
      )}
      {onRepeat && isUndecided(error) && (
        <div>
          <Button onPress={onRepeat}>Try again</Button>
        </div>
      )}
    </Notice>
  );
}

export function Badge({ tone, children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className="badge" data-tone={tone}>
      {children}
    </span>
  );
}

const tones: Readonly<Record<string, Tone>> = {
  active: 'good',
  disabled: 'warn',
  suspended: 'warn',
  invited: 'accent',
  expired: 'warn',
  revoked: 'bad',
  deleted: 'bad',
};

export function StatusBadge({ status }: { status: string }) {
  return <Badge {...(tones[status] && { tone: tones[status] })}>{status}</Badge>;
}

export function Badges({ of, otherwise = 'none' }: { of: readonly string[]; otherwise?: string }) {
  if (of.length === 0) return <span className="soft">{otherwise}</span>;
  return (
    <span className="badges">
      {of.map((one) => (
        <Badge key={one}>{one}</Badge>
      ))}
    </span>
  );
}

/** Nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div className="stack" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} className="skeleton" />
      ))}
    </div>
  );
}
