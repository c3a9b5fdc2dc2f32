import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { kind } from '../../api/api-keys';
import { answered, api } from '../../api/client';
import { ProblemNotice, Skeleton } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Time } from '../../ui/time';

const shown = 5;

/** The active keys that a filter of the list finds, the newest few of them by name. */
export function KeysToLookAt({
  title,
  filter,
  days,
  none,
}: {
  title: string;
  filter: 'expiring_in_days' | 'unused_days';
  days: number;
  none: string;
}) {
  const query = useQuery({
    queryKey: [kind, 'overview', filter, days],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/v1/api-keys', { signal, params: { query: { status: 'active', [filter]: days, limit: shown } } }),
      ),
  });
  const all = `/api-keys?status=active&${filter}=${days}`;
  return (
    <Card title={title}>
      {query.isPending && <Skeleton />}
      {query.error && <ProblemNotice error={query.error} onRepeat={() => void query.refetch()} />}
      {query.data?.items.length === 0 && <p className="soft">{none}</p>}
      {query.data && query.data.items.length > 0 && (
        <>
          <ul className="overview-lines">
            {query.data.items.map(({ id, name, expires_at, last_used_at }) => (
              <li key={id}>
                <Link to={`/api-keys/${id}`}>{name}</Link>{' '}
                <span className="soft">
                  {filter === 'expiring_in_days' ? (
                    <>
                      expires <Time at={expires_at} />
                    </>
                  ) : (
                    <>
                      last used <Time at={last_used_at} otherwise="never" />
                    </>
                  )}
                </span>
              </li>
            ))}
          </ul>
          <p>
            <Link to={all}>{query.data.next_cursor === null ? 'To these keys' : 'All of them'}</Link>
          </p>
        </>
      )}
    </Card>
  );
}
