import { Button, ButtonLink } from './button';
import { type Action } from './dialog';

/** What can be done with the record of a page, as the menu of its row offers it. */
export function ActionButtons({ actions }: { actions: readonly Action[] }) {
  return actions.map(({ label, href, onAction, isDanger }) =>
    href === undefined ? (
      <Button key={label} {...(isDanger && { kind: 'danger' as const })} {...(onAction && { onPress: onAction })}>
        {label}
      </Button>
    ) : (
      <ButtonLink key={label} href={href}>
        {label}
      </ButtonLink>
    ),
  );
}
