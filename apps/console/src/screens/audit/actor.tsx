import { Link } from 'react-router';
import { type AuditEvent } from '../../api/audit';
import { useOwners } from '../../api/owners';

/** Names of people and service accounts by their id, as far as this person may see them. */
export function useNames(): ReadonlyMap<string, string> {
  return new Map(useOwners().map(({ id, name }) => [id, name]));
}

const saidKinds: Readonly<Record<string, string>> = {
  anonymous: 'Somebody unknown',
  system: 'Portcullis itself',
  node: 'The installation’s node',
};

/** Who did something: by name where it is known. */
export function ActorName({
  of: { kind, id },
  names,
}: {
  of: AuditEvent['actor'];
  names: ReadonlyMap<string, string>;
}) {
  if (id === null) return <span className="soft">{saidKinds[kind] ?? kind}</span>;
  const name = names.get(id);
  return name === undefined ? <code>{id}</code> : name;
}

const places: Readonly<Record<string, string>> = {
  user: '/people',
  'service-account': '/service-accounts',
  service_account: '/service-accounts',
  client: '/clients',
  'api-key': '/api-keys',
  organization: '/organizations',
};

/** A record's id, leading to its page where it has one. */
export function RecordLink({ kind, id }: { kind: string; id: string }) {
  const place = places[kind];
  return place === undefined ? (
    <code>{id}</code>
  ) : (
    <Link to={`${place}/${id}`}>
      <code>{id}</code>
    </Link>
  );
}
