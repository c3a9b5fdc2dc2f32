import { type ReactNode, useEffect, useRef } from 'react';
import { NavigationType, useLocation, useNavigationType } from 'react-router';
import './page.css';

/** The step of the history at which a screen has taken the focus last. */
let shownAt: string | null = null;

/**
 * A screen: its heading takes the focus when it is come to, so that a screen reader says where one is and the eye is at its beginning;
 * "back" leads to where the eye was.
 */
export function Page({
  title,
  about,
  actions,
  children,
}: {
  title: string;
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const page = useRef<HTMLDivElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const step = useLocation().key;
  const isBack = useNavigationType() === NavigationType.Pop;
  useEffect(() => {
    document.title = `${title} · Portcullis`;
    // Whoever has begun with a screen whose title changes stays where they are.
    if (page.current?.contains(document.activeElement)) return;
    heading.current?.focus({ preventScroll: isBack && step !== shownAt });
    shownAt = step;
  }, [title]);
  return (
    <div className="page" ref={page}>
      <header className="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {about !== undefined && <p className="page-about">{about}</p>}
        </div>
        {actions !== undefined && <div className="row">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({ title, actions, children }: { title?: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="card">
      {(title !== undefined || actions !== undefined) && (
        <div className="row spread">
          {title !== undefined && <h2>{title}</h2>}
          {actions}
        </div>
      )}
      {children}
    </section>
  );
}

/** Names and values of one record. */
export function Facts({ of }: { of: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {of.map(([name, value]) => (
        <FactLine key={name} name={name} value={value} />
      ))}
    </dl>
  );
}

function FactLine({ name, value }: { name: string; value: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
