import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { actIn, isChosen } from '../api/client';
import { whoami } from '../api/me';
import { useOwnOrganization } from '../api/organizations';
import { Button } from '../ui/button';
import { leaveFor } from '../ui/leave-guard';

/** Which organization this tab acts in, and the way to another for those who belong to several. */
export function OrganizationInUse() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const me = useQuery(whoami).data;
  const id = me?.organization_id ?? null;
  const name = useOwnOrganization()?.name ?? id;
  if (me === undefined || id === null) return null;
  const change = async () => {
    // What is shown here is of this organization, and is not to be asked for in none.
    await navigate('/');
    actIn(null);
    queries.setQueryData(whoami.queryKey, { ...me, organization_id: null, permissions: [], roles: [] });
  };
  return (
    <>
      <div>
        <span className="visually-hidden">Organization: </span>
        <strong>{name}</strong>
      </div>
      {isChosen() && <Button onPress={() => void leaveFor(change)}>Change organization</Button>}
    </>
  );
}
