import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { kind as keys } from '../../api/api-keys';
import { answered, api } from '../../api/client';
import { kind as clients } from '../../api/clients';
import { useMay } from '../../api/me';
import { Card } from '../../ui/page';

const one = { query: { limit: 1 } };

/** Whether there is no machine yet that could be let in; undefined until it is known. */
export function useIsEmpty(): boolean | undefined {
  const may = useMay();
  const canSee = may('apikeys:view') && may('clients:view');
  const firstKey = useQuery({
    queryKey: [keys, 'first'],
    enabled: canSee,
    queryFn: ({ signal }) => answered(api.GET('/v1/api-keys', { signal, params: one })),
  });
  const firstClient = useQuery({
    queryKey: [clients, 'first'],
    enabled: canSee,
    queryFn: ({ signal }) => answered(api.GET('/v1/clients', { signal, params: one })),
  });
  if (canSee && (firstKey.isPending || firstClient.isPending)) return undefined;
  return firstKey.data?.items.length === 0 && firstClient.data?.items.length === 0;
}

/** What to do in an empty installation, in order. Not shown to those who could do nothing of it. */
export function FirstSteps() {
  const may = useMay();
  const steps = [
    may('serviceaccounts:manage') && {
      to: '/service-accounts/new',
      name: 'Create a service account',
      text: 'The system that will call: its keys stop when it does, whoever made them.',
    },
    may('apikeys:manage') && {
      to: '/api-keys/new',
      name: 'Create an API key',
      text: 'For it: a bearer token, a client id and secret, or access to object storage. 90 days are suggested.',
    },
    may('clients:manage') && {
      to: '/clients/new',
      name: 'Or register a client',
      text: 'A machine that signs its requests with a key of its own: only the public half comes here.',
    },
    may('users:manage') && {
      to: '/people/new',
      name: 'Add a person',
      text: 'With the roles that they need and no more.',
    },
  ].filter((step) => step !== false);
  if (steps.length === 0) return null;
  return (
    <Card title="First steps">
      <p className="soft">Nothing can call through this gateway with a key yet.</p>
      <ol className="first-steps">
        {steps.map(({ to, name, text }) => (
          <li key={to}>
            <Link to={to}>{name}</Link>
            <br />
            {text}
          </li>
        ))}
      </ol>
    </Card>
  );
}
