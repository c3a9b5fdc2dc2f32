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

/** Asks one thing. It closes by Escape, unless something is under way; then the focus is where it was or, where that is gone, at the page's heading. */
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
  useEffect(
    () => () => {
      requestAnimationFrame(() => {
        if (document.activeElement === document.body) document.querySelector('h1')?.focus();
      });
    },
    [],
  );
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
