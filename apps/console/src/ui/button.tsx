import { type ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps, Link as AriaLink, type LinkProps } from 'react-aria-components';
import './button.css';

type Kind = 'primary' | 'danger' | 'quiet';

/** While `isPending` it keeps its focus and its width, says that it is busy, and is not pressed twice. */
export function Button({
  kind,
  children,
  ...props
}: Omit<ButtonProps, 'children' | 'className'> & { kind?: Kind; children: ReactNode }) {
  return (
    <AriaButton {...props} className="button" data-kind={kind}>
      {({ isPending }) => (
        <>
          {isPending && <span className="button-spinner" aria-hidden />}
          <span className="button-label">{children}</span>
        </>
      )}
    </AriaButton>
  );
}

/** A link that looks like a button: for what has an address of its own. */
export function ButtonLink({ kind, ...props }: Omit<LinkProps, 'className'> & { kind?: Kind }) {
  return <AriaLink {...props} className="button" data-kind={kind} />;
}
