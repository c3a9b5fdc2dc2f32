import { type GrantDraft } from './grant-draft';

interface CataloguedRole {
  readonly name: string;
  readonly aliases: readonly string[];
  /** With those of every role below it. */
  readonly permissions: readonly string[];
}

/** All that roles and single permissions come to, as the policy means them now. A name that it does not have means nothing. */
export function effectivePermissions(
  { roles, permissions }: GrantDraft,
  catalogue: readonly CataloguedRole[],
): string[] {
  const given = catalogue.filter(({ name, aliases }) => [name, ...aliases].some((one) => roles.includes(one)));
  return [...new Set([...permissions, ...given.flatMap((role) => role.permissions)])];
}
