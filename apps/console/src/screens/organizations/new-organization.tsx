import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../../api/change';
import { whoami } from '../../api/me';
import { createOrganization, kind } from '../../api/organizations';
import { Page } from '../../ui/page';
import { OrganizationForm } from './organization-form';

export function NewOrganization() {
  const [name, setName] = useState('');
  const actsIn = useQuery(whoami).data?.organization_id ?? '';
  const change = useChange([kind, 'whoami'], createOrganization);
  const navigate = useNavigate();
  return (
    <Page
      title="Create an organization"
      about="You become its owner. This page goes on to act in the organization that it acts in now; “Change organization”, at the foot of the side bar, leads to the new one."
    >
      <OrganizationForm
        name={name}
        onChange={setName}
        verb="Create"
        change={change}
        onSubmit={() =>
          change.mutate({ name: name.trim(), actsIn }, { onSuccess: ({ id }) => void navigate(`/organizations/${id}`) })
        }
        backTo="/organizations"
      />
    </Page>
  );
}
