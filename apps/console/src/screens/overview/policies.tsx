import { useQuery } from '@tanstack/react-query';
import { answered, api } from '../../api/client';
import { Badge, ProblemNotice, Skeleton } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Time } from '../../ui/time';

/** Every process that decides, and the policy that it goes by: after an edit all of them show one digest. */
export function Policies() {
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
      <ul className="overview-lines">
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
