import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { catalogue } from '../../api/catalogue';
import { Badge } from '../../ui/notice';
import { Card, Facts } from '../../ui/page';
import { permissionsOf } from './permission-origin';
import { Holders } from './role-holders';
import { orderOf } from './role-order';
import { type Role } from './roles';

/** One role: its place, its permissions and where it has them from, and who was given it. */
export function RoleDetail({ role, roles }: { role: Role; roles: readonly Role[] }) {
  const titles = new Map((useQuery(catalogue.permissions).data ?? []).map(({ name, title }) => [name, title]));
  const held = permissionsOf(role, roles);
  const { places, edges } = orderOf(roles);
  const id = places.get(role.name)?.id;
  const same = (places.get(role.name)?.names ?? []).filter((name) => name !== role.name);
  const above = roles.filter(({ name, covers }) => covers.includes(role.name) && !same.includes(name));
  return (
    <>
      <Card title={role.title}>
        <Facts
          of={[
            ['Name', <code key="">{role.name}</code>],
            ...(role.aliases.length > 0 ? [['Also called', role.aliases.join(', ')] as const] : []),
            ['Inherits', <RoleLinks key="" names={role.inherits} otherwise="nothing" />],
            [
              'Next below',
              <RoleLinks
                key=""
                names={edges.filter(([upper]) => upper === id).map(([, lower]) => lower)}
                otherwise="no role"
              />,
            ],
            ['Above it', <RoleLinks key="" names={above.map(({ name }) => name)} otherwise="no role" />],
            ...(same.length > 0
              ? [['Holds just the same', <RoleLinks key="" names={same} otherwise="" />] as const]
              : []),
            ['Adds to those below', howMany(held.filter(({ isAdded }) => isAdded).length)],
          ]}
        />
      </Card>
      <Card title="Permissions">
        {held.length === 0 ? (
          <p className="soft">It permits nothing.</p>
        ) : (
          <div className="details-body">
            <table className="plain-table">
              <caption className="visually-hidden">Permissions of {role.title}</caption>
              <thead>
                <tr>
                  <th scope="col">Permission</th>
                  <th scope="col">What it lets one do</th>
                  <th scope="col">From</th>
                  <th scope="col">Below</th>
                </tr>
              </thead>
              <tbody>
                {held.map(({ name, from, isAdded }) => (
                  <tr key={name}>
                    <th scope="row">
                      <code>{name}</code>
                    </th>
                    <td>{titles.get(name) ?? '–'}</td>
                    <td>
                      {from.length === 0 ? <Badge tone="accent">its own</Badge> : <>inherited from {from.join(', ')}</>}
                    </td>
                    <td>
                      {isAdded ? <Badge tone="good">added here</Badge> : <span className="soft">held below too</span>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Card>
      <Holders role={role.name} />
    </>
  );
}

const howMany = (permissions: number): string => (permissions === 1 ? '1 permission' : `${permissions} permissions`);

function RoleLinks({ names, otherwise }: { names: readonly string[]; otherwise: string }) {
  if (names.length === 0) return <span className="soft">{otherwise}</span>;
  return (
    <span className="row">
      {names.map((name) => (
        <Link key={name} to={`/roles/${encodeURIComponent(name)}`}>
          {name}
        </Link>
      ))}
    </span>
  );
}
