import { useKeyRequests } from '../../api/api-keys';
import { Badge, Empty } from '../../ui/notice';
import { RecordTable } from '../../ui/table';
import { Time } from '../../ui/time';

/** What was called with a key, newest first. */
export function KeyRequests({ id }: { id: string }) {
  const list = useKeyRequests(id);
  // A caller may give several requests one id.
  const items = list.items.map((request, index) => ({ ...request, id: `${list.items.length - index}` }));
  return (
    <section className="stack">
      <h2>Requests</h2>
      <RecordTable
        label="Requests"
        list={{ ...list, items }}
        columns={[
          {
            name: 'Request',
            isRowHeader: true,
            cell: ({ method, path, omitted }) => (
              <span className="row">
                <code className="break">
                  {method} {path}
                </code>
                {omitted !== undefined && <Badge>and {omitted} more in that second</Badge>}
              </span>
            ),
          },
          { name: 'Answer', cell: ({ status }) => <Badge tone={status < 400 ? 'good' : 'bad'}>{status}</Badge> },
          { name: 'When', cell: ({ time }) => <Time at={time} /> },
          { name: 'Took', cell: ({ duration_ms }) => `${duration_ms} ms` },
          { name: 'From', cell: ({ client_ip }) => client_ip },
          { name: 'By', cell: ({ user_agent }) => <span className="soft">{user_agent ?? '–'}</span> },
        ]}
        empty={
          <Empty title="No request yet">
            <p className="soft">
              A request stands here within a minute, and is kept for 30 days unless this installation says otherwise.
            </p>
          </Empty>
        }
      />
    </section>
  );
}
