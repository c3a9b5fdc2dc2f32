import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { catalogue } from '../../api/catalogue';
import { useMay, whoami } from '../../api/me';
import { type Person, usePeople } from '../../api/people';
import { actionsColumn } from '../../ui/actions-column';
import { ButtonLink } from '../../ui/button';
import { type Action } from '../../ui/dialog';
import { SearchBox, SelectField } from '../../ui/field';
import { useFilters } from '../../ui/filters';
import { Badge, Badges, Empty, StatusBadge } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordTable } from '../../ui/table';
import { PersonAction, type PersonActionName } from './person-action';

const statuses = [
  { id: '', label: 'Any status' },
  { id: 'active', label: 'Active' },
  { id: 'invited', label: 'Invited' },
  { id: 'disabled', label: 'Disabled' },
];

const hrefOf = ({ id }: Person) => `/people/${id}`;

export function PersonList() {
  const may = useMay();
  const me = useQuery(whoami).data?.id;
  const roles = useQuery(catalogue.roles).data ?? [];
  const filters = useFilters(['q', 'status', 'role']);
  const list = usePeople(useDeferredValue(filters.values));
  const [asked, setAsked] = useState<{ action: PersonActionName; record: Person } | null>(null);
  const canManage = may('users:manage');
  const invite = canManage && (
    <ButtonLink kind="primary" href="/people/new">
      Add a person
    </ButtonLink>
  );
  return (
    <Page
      title="People"
      about="Who belongs to this organization. A person may belong to several, with roles of their own in each; what is changed here is their membership in this one."
      actions={invite}
    >
      <div className="filters">
        <SearchBox label="Search by e-mail or name" value={filters.values.q} onChange={(q) => filters.set('q', q)} />
        <SelectField
          label="Status"
          isLabelHidden
          options={statuses}
          value={filters.values.status}
          onChange={(status) => filters.set('status', status)}
        />
        <SelectField
          label="Role"
          isLabelHidden
          options={[{ id: '', label: 'Any role' }, ...roles.map(({ name, title }) => ({ id: name, label: title }))]}
          value={filters.values.role}
          onChange={(role) => filters.set('role', role)}
        />
      </div>
      <RecordTable
        label="People"
        list={list}
        hrefOf={hrefOf}
        columns={[
          {
            name: 'E-mail',
            isRowHeader: true,
            cell: ({ id, email }) => (
              <span className="row">
                {email} {id === me && <Badge tone="accent">you</Badge>}
              </span>
            ),
          },
          { name: 'Name', cell: ({ name }) => name ?? <span className="soft">–</span> },
          { name: 'Roles', cell: (person) => <Badges of={person.roles} /> },
          { name: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
          actionsColumn(
            ({ email }) => email,
            hrefOf,
            (person) =>
              actionsOf(person, person.id === me, canManage, (action) => setAsked({ action, record: person })),
          ),
        ]}
        empty={filters.isNarrowed ? <Empty title="Nobody is like that" /> : <Empty title="Nobody yet">{invite}</Empty>}
      />
      {asked && <PersonAction {...asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}

/** What can be done with a person as they are now. One's own password one changes always. */
export function actionsOf(
  { id, status }: Person,
  isMe: boolean,
  canManage: boolean,
  ask: (action: PersonActionName) => void,
): Action[] {
  const password = { label: isMe ? 'Change password' : 'Set a password', href: `/people/${isMe ? 'me' : id}/password` };
  if (!canManage) return isMe ? [password] : [];
  return [
    { label: 'Edit', href: `/people/${id}/edit` },
    password,
    ...(status === 'invited' ? [{ label: 'New invitation', onAction: () => ask('invite') }] : []),
    status === 'disabled'
      ? { label: 'Enable', onAction: () => ask('enable') }
      : { label: 'Disable', onAction: () => ask('disable') },
    { label: 'Remove', isDanger: true, onAction: () => ask('remove') },
  ];
}
