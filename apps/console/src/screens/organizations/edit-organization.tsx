import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { useChange } from '../../api/change';
import { kind, oneOrganization, type OrganizationRecord, renameOrganization } from '../../api/organizations';
import { Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { OrganizationForm } from './organization-form';

export function EditOrganization() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Edit" query={useQuery(oneOrganization(id))}>
      {(organization) => (
        <Page title={`Edit ${organization.name}`}>
          <Edit key={id} organization={organization} />
        </Page>
      )}
    </RecordPage>
  );
}

function Edit({ organization: { id, name: before } }: { organization: OrganizationRecord }) {
  const [name, setName] = useState(before);
  const change = useChange([kind], renameOrganization);
  const navigate = useNavigate();
  const address = `/organizations/${id}`;
  return (
    <OrganizationForm
      name={name}
      onChange={setName}
      verb="Save"
      change={change}
      onSubmit={() => change.mutate({ id, name: name.trim() }, { onSuccess: () => void navigate(address) })}
      backTo={address}
    />
  );
}
