import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { catalogue } from '../../api/catalogue';
import { whoami } from '../../api/me';
import { type Choice, ChecksField } from '../../ui/field';
import { SearchedChecks } from '../../ui/searched-checks';
import { groupOf, roleGroups } from '../roles/role-group';
import { type GrantDraft } from './grant-draft';
import './grant-fields.css';

export interface Bound {
  readonly permissions: readonly string[];
  /** Why nothing beyond it is offered: "more than its owner holds". */
  readonly beyond: string;
}

/**
 * Roles, by what they are for, and single permissions. Nobody gives more than they hold; the server looks again.
 * @param within what else the grant stays within
 */
export function GrantFields({
  draft,
  onChange,
  within = [],
}: {
  draft: GrantDraft;
  onChange: (draft: GrantDraft) => void;
  within?: readonly Bound[];
}) {
  const held = useQuery(whoami).data?.permissions ?? [];
  const roles = useQuery(catalogue.roles).data ?? [];
  const permissions = useQuery(catalogue.permissions).data ?? [];
  const bounds: readonly Bound[] = [{ permissions: held, beyond: 'more than you hold' }, ...within];
  const offered = (id: string, label: string, means: readonly string[]): Choice => {
    const passed = bounds.find((bound) => means.some((permission) => !bound.permissions.includes(permission)));
    return { id, label, hint: passed ? `${id} · ${passed.beyond}` : id, isDisabled: passed !== undefined };
  };
  const roleChoices = roles.map(({ name, title, permissions: means }) => offered(name, title, means));
  const aliases = new Set(roles.flatMap((role) => role.aliases));
  const permissionChoices = permissions.map(({ name, title }) => offered(name, title, [name]));
  const groups = [
    ...roleGroups.map(({ id, label }) => ({ label, choices: roleChoices.filter((one) => groupOf(one.id) === id) })),
    { label: 'Others that it has', choices: unlisted(draft.roles, roleChoices, (name) => aliases.has(name)) },
  ].filter(({ choices }) => choices.length > 0);
  return (
    <>
      <fieldset className="grant-roles">
        <legend className="field-label">Roles</legend>
        {groups.map(({ label, choices }, index) => (
          <RoleGroup
            key={label}
            label={label}
            name={index === 0 ? 'roles' : `roles-${label}`}
            isFirst={index === 0}
            choices={choices}
            roles={draft.roles}
            onChange={(now) => onChange({ ...draft, roles: now })}
          />
        ))}
      </fieldset>
      <SearchedChecks
        label="Single permissions"
        name="permissions"
        hint="Beside those of the roles."
        choices={[...unlisted(draft.permissions, permissionChoices, () => false), ...permissionChoices]}
        value={draft.permissions}
        onChange={(now) => onChange({ ...draft, permissions: now })}
      />
    </>
  );
}

/** Given long ago, under a policy that had it or by another of its names: it can be taken away here. */
const unlisted = (given: readonly string[], listed: readonly Choice[], isAlias: (name: string) => boolean): Choice[] =>
  given
    .filter((name) => !listed.some(({ id }) => id === name))
    .map((name) => ({ id: name, label: name, hint: isAlias(name) ? 'an alias' : 'not in the policy' }));

/** Open from the start where something of it is chosen, and afterwards as it is left: not shut by unchecking the last. */
function RoleGroup({
  label,
  name,
  isFirst,
  choices,
  roles,
  onChange,
}: {
  label: string;
  name: string;
  isFirst: boolean;
  choices: readonly Choice[];
  roles: readonly string[];
  onChange: (roles: readonly string[]) => void;
}) {
  const chosen = roles.filter((role) => choices.some(({ id }) => id === role));
  const [isOpen] = useState(isFirst || chosen.length > 0);
  return (
    <details open={isOpen}>
      <summary>
        {label}
        {chosen.length > 0 && ` (${chosen.length} chosen)`}
      </summary>
      <ChecksField
        label={`Roles: ${label}`}
        isLabelHidden
        name={name}
        choices={choices}
        value={chosen}
        onChange={(now) => onChange([...roles.filter((role) => !chosen.includes(role)), ...now])}
      />
    </details>
  );
}
