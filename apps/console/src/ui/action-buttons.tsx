import { Button, ButtonLink } from './button';
import { type Action } from './dialog';

/**
 * What can be done with the record of a page, as the menu of its row offers it. They are told apart by their places: one that becomes its
 * opposite when it is done keeps the focus.
 */
export function ActionButtons({ actions }: { actions: readonly Action[] }) {
  return actions.map(({ label, href, onAction, isDanger }, place) =>
    href === undefined ? (
      <Button key={place} {...(isDanger && { kind: 'danger' as const })} {...(onAction && { onPress: onAction })}>
        {label}
      </Button>
    ) : (
      <ButtonLink key={place} href={href}>
        {label}
      </ButtonLink>
    ),
  );
}
