import { type ReactNode, useEffect } from 'react';
import {
  Dialog as AriaDialog,
  Heading,
  Menu,
  MenuItem,
  MenuTrigger,
  Modal,
  ModalOverlay,
  Popover,
} from 'react-aria-components';
import { Button } from './button';
import './dialog.css';

/** Asks one thing. It closes by Escape, unless something is under way. */
export function Dialog({
  title,
  isBusy = false,
  onClose,
  children,
}: {
  title: string;
  isBusy?: boolean;
  onClose: () => void;
  children: ReactNode;
}) {
  useEffect(() => keepFocus, []);
  return (
    <ModalOverlay
      className="overlay"
      isOpen
      isDismissable={false}
      isKeyboardDismissDisabled={isBusy}
      onOpenChange={(isOpen) => !isOpen && onClose()}
    >
      <Modal className="modal">
        <AriaDialog className="dialog">
          <Heading slot="title">{title}</Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** What opened a question may be gone once it is answered, such as the button of what was done: then the screen's heading has the focus. */
function keepFocus(): void {
  // The focus is given back in the next frame.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if (document.activeElement !== document.body) return;
      document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
    }),
  );
}

export const DialogActions = ({ children }: { children: ReactNode }) => (
  <div className="dialog-actions">{children}</div>
);

export interface Action {
  readonly label: string;
  readonly isDanger?: boolean;
  readonly href?: string;
  readonly onAction?: () => void;
}

/** What can be done with a row. Nothing is shown where there is nothing. */
export function ActionsMenu({ label, actions }: { label: string; actions: readonly (Action | false)[] }) {
  const offered = actions.filter((action) => action !== false);
  if (offered.length === 0) return null;
  return (
    <MenuTrigger>
      <Button kind="quiet" aria-label={label}>
        ⋯
      </Button>
      <Popover className="menu-popover" placement="bottom end">
        <Menu className="menu">
          {offered.map(({ label: name, isDanger, href, onAction }) => (
            <MenuItem
              key={name}
              className="menu-item"
              data-danger={isDanger || undefined}
              {...(href !== undefined && { href })}
              {...(onAction && { onAction })}
            >
              {name}
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}
