import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useParams } from 'react-router';
import { catalogue } from '../../api/catalogue';
import { Badges, Empty, Notice, ProblemNotice, Skeleton } from '../../ui/notice';
import { Page } from '../../ui/page';
import { SelectField } from '../../ui/field';
import { useFilters } from '../../ui/filters';
import { Lattice } from './lattice';
import { permissionsOf } from './permission-origin';
import { RoleDetail } from './role-detail';
import { groupOf, roleGroups } from './role-group';
import { orderOf, type RoleOrder } from './role-order';
import './roles.css';

export interface Role {
  readonly name: string;
  readonly title: string;
  readonly aliases: string[];
  readonly inherits: string[];
  readonly permissions: string[];
  readonly covers: string[];
}

/** Which role is above which, what each adds, and who holds it. */
export function Roles() {
  const query = useQuery(catalogue.roles);
  return (
    <Page
      title="Roles"
      about="A role that lies above another holds all that the other holds. What a role means is in the policy; a change there is in force on each process once it shows the new digest."
    >
      {query.isPending && <Skeleton lines={10} />}
      {query.error && !query.data && <ProblemNotice error={query.error} onRepeat={() => void query.refetch()} />}
      {query.data && <Drawn roles={query.data} />}
    </Page>
  );
}

function Drawn({ roles }: { roles: readonly Role[] }) {
  const { name } = useParams();
  const filters = useFilters(['group']);
  const role = roles.find((one) => one.name === name || (name !== undefined && one.aliases.includes(name)));
  const group = filters.values.group || (role ? groupOf(role.name) : 'organization');
  const shown = useMemo(
    () => roles.filter((one) => group === 'all' || groupOf(one.name) === group || one.name === role?.name),
    [roles, group, role],
  );
  const order = useMemo(() => orderOf(shown), [shown]);
  const addressOf = (one: string) => `/roles/${encodeURIComponent(one)}?group=${group}`;
  const offered = roleGroups.filter(({ id }) => roles.some((one) => groupOf(one.name) === id));
  return (
    <>
      <div className="filters">
        <SelectField
          label="Which roles"
          options={[...offered, { id: 'all', label: 'All roles' }]}
          value={group}
          onChange={(chosen) => filters.set('group', chosen)}
        />
      </div>
      {shown.length === 0 ? (
        <Empty title="No role is of this group" />
      ) : (
        <Lattice roles={shown} order={order} chosen={role?.name} addressOf={addressOf} />
      )}
      <details className="unfold">
        <summary>The same as a table</summary>
        <div className="details-body">
          <AsTable shown={shown} roles={roles} order={order} />
        </div>
      </details>
      <div role="status" className="visually-hidden">
        {role && `Below the drawing: ${role.title}`}
      </div>
      {role && <RoleDetail key={role.name} role={role} roles={roles} />}
      {name !== undefined && !role && (
        <Notice tone="warn" title={`No role is called ${name}`}>
          <p>The policy in force does not have it. Whoever was given it holds nothing by it.</p>
        </Notice>
      )}
      {name === undefined && (
        <p className="soft">Choose a role to see what it permits, what it adds to those below it, and who holds it.</p>
      )}
    </>
  );
}

function AsTable({ shown, roles, order }: { shown: readonly Role[]; roles: readonly Role[]; order: RoleOrder }) {
  const besides = (name: string, side: 0 | 1) => {
    const id = order.places.get(name)?.id;
    return order.edges.filter((edge) => edge[1 - side] === id).map((edge) => edge[side]);
  };
  return (
    <table className="plain-table">
      <caption className="visually-hidden">Roles, those next above and next below each</caption>
      <thead>
        <tr>
          {['Role', 'Title', 'Next above', 'Next below', 'Permissions', 'Adds'].map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {shown.map((role) => (
          <tr key={role.name}>
            <th scope="row">
              <code>{role.name}</code>
            </th>
            <td>{role.title}</td>
            <td>
              <Badges of={besides(role.name, 0)} />
            </td>
            <td>
              <Badges of={besides(role.name, 1)} />
            </td>
            <td>{role.permissions.length}</td>
            <td>{permissionsOf(role, roles).filter(({ isAdded }) => isAdded).length}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
