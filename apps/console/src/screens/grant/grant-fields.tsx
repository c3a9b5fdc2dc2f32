import { useQuery } from '@tanstack/react-query';
import { catalogue } from '../../api/catalogue';
import { whoami } from '../../api/me';
import { type Choice, ChecksField } from '../../ui/field';
import { LinesField } from '../../ui/lines-field';
import { groupOf, roleGroups } from '../roles/role-group';
import './grant-fields.css';

export interface GrantDraft {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/** Roles, by what they are for, and single permissions. Nobody gives more than they hold; the server looks again. */
export function GrantFields({ draft, onChange }: { draft: GrantDraft; onChange: (draft: GrantDraft) => void }) {
  const held = useQuery(whoami).data?.permissions ?? [];
  const catalogued = useQuery(catalogue.roles).data ?? [];
  const known = new Set(catalogued.flatMap(({ name, aliases }) => [name, ...aliases]));
  const choices = catalogued.map(({ name, title, permissions }) => {
    const exceeds = permissions.some((permission) => !held.includes(permission));
    return { id: name, label: title, hint: exceeds ? `${name} · holds more than you do` : name, isDisabled: exceeds };
  });
  // Given long ago, under a policy that had it or by another of its names: it can be taken away here.
  const unlisted = draft.roles.filter((name) => !choices.some(({ id }) => id === name));
  const groups: { label: string; choices: Choice[] }[] = [
    ...roleGroups.map(({ id, label }) => ({ label, choices: choices.filter((choice) => groupOf(choice.id) === id) })),
    {
      label: 'Others that it has',
      choices: unlisted.map((name) => ({
        id: name,
        label: name,
        hint: known.has(name) ? 'an alias' : 'not in the policy',
      })),
    },
  ].filter((group) => group.choices.length > 0);
  return (
    <>
      <fieldset className="grant-roles">
        <legend className="field-label">Roles</legend>
        {groups.map((group, index) => {
          const chosen = draft.roles.filter((name) => group.choices.some(({ id }) => id === name));
          const others = draft.roles.filter((name) => !chosen.includes(name));
          return (
            <details key={group.label} open={index === 0 || chosen.length > 0}>
              <summary>
                {group.label}
                {chosen.length > 0 && ` (${chosen.length} chosen)`}
              </summary>
              <ChecksField
                label={`Roles: ${group.label}`}
                isLabelHidden
                name={index === 0 ? 'roles' : `roles-${group.label}`}
                choices={group.choices}
                value={chosen}
                onChange={(now) => onChange({ ...draft, roles: [...others, ...now] })}
              />
            </details>
          );
        })}
      </fieldset>
      <LinesField
        label="Single permissions"
        name="permissions"
        hint="Beside the roles, by name, such as clients:view. The screen “Roles” shows them."
        value={draft.permissions}
        onChange={(permissions) => onChange({ ...draft, permissions })}
      />
    </>
  );
}
