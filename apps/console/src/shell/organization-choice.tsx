import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { actIn, answered, api } from '../api/client';
import { everyPage } from '../api/every-page';
import { whoami } from '../api/me';
import { Problem } from '../api/problem';
import { Button } from '../ui/button';
import { ProblemNotice, Skeleton, StatusBadge } from '../ui/notice';
import { Card, Page } from '../ui/page';

/** Who is a member of several organizations says which one this tab acts in, before anything else is asked. */
export function OrganizationChoice({ children }: { children: ReactNode }) {
  const me = useQuery(whoami);
  if (me.isPending)
    return (
      <div className="page">
        <Skeleton lines={6} />
      </div>
    );
  const isOut = me.error instanceof Problem && me.error.code === 'organization_mismatch';
  if (me.error && (!me.data || isOut))
    return (
      <Page title="Portcullis">
        <ProblemNotice error={me.error} onRepeat={() => void me.refetch()} />
        {isOut && (
          <div>
            <Button
              onPress={() => {
                actIn(null);
                void me.refetch();
              }}
            >
              Act in another organization
            </Button>
          </div>
        )}
      </Page>
    );
  return me.data.organization_id === null ? <Choose /> : children;
}

function Choose() {
  const queries = useQueryClient();
  const [isChosen, setChosen] = useState(false);
  const mine = useQuery({
    queryKey: ['organizations', 'mine'],
    queryFn: ({ signal }) =>
      everyPage((cursor) =>
        answered(api.GET('/v1/organizations', { signal, params: { query: { limit: 100, cursor } } })),
      ),
  });
  const choose = (id: string) => {
    actIn(id);
    setChosen(true);
    void queries.resetQueries();
  };
  return (
    <Page
      title="Which organization?"
      about="You are a member of several. What you see and do next is in the one that you choose."
    >
      {mine.isPending && <Skeleton />}
      {mine.error && <ProblemNotice error={mine.error} onRepeat={() => void mine.refetch()} />}
      {mine.data?.map(({ id, name, status }) => (
        <Card key={id}>
          <div className="row spread">
            <span>
              <strong>{name}</strong> <StatusBadge status={status} /> <code className="soft">{id}</code>
            </span>
            <Button onPress={() => choose(id)} isDisabled={status !== 'active'} isPending={isChosen}>
              Act in {name}
            </Button>
          </div>
        </Card>
      ))}
    </Page>
  );
}
