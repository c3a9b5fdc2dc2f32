import { useQuery } from '@tanstack/react-query';
import { answered, api } from '../../api/client';
import { useMay } from '../../api/me';
import { Badge, ProblemNotice, Skeleton } from '../../ui/notice';
import { Card, Page } from '../../ui/page';
import { Time } from '../../ui/time';

/** What needs somebody's eye, and how the stack is. */
export function Overview() {
  const may = useMay();
  return <Page title="Overview">{may('policy:view') && <Policies />}</Page>;
}

/** Every process that decides, and the policy that it goes by: after an edit all of them show one digest. */
function Policies() {
  const query = useQuery({
    queryKey: ['policy'],
    queryFn: ({ signal }) => answered(api.GET('/v1/policy', { signal })),
    refetchInterval: 15_000,
  });
  const processes = query.data?.processes ?? [];
  return (
    <Card title="Policy in force">
      {query.isPending && <Skeleton />}
      {query.error && <ProblemNotice error={query.error} onRepeat={() => void query.refetch()} />}
      {query.data && (
        <p>
          {query.data.agreed ? (
            <Badge tone="good">One policy everywhere</Badge>
          ) : (
            <Badge tone="warn">Processes run different policies</Badge>
          )}
        </p>
      )}
      <ul className="stack">
        {processes.map(({ service, instance_id, digest, loaded_at, refused }) => (
          <li key={instance_id}>
            {service} <code>{digest.slice(0, 12)}</code> since <Time at={loaded_at} />{' '}
            {refused && <Badge tone="bad">its last edit was refused</Badge>}
          </li>
        ))}
      </ul>
    </Card>
  );
}
