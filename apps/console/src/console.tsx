import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from 'react-router';
import { useEffect } from 'react';
import { useSession } from './api/me';
import { isPassing } from './api/problem';
import { router } from './router';
import { SignIn } from './screens/sign-in/sign-in';

const queries = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 5_000, retry: (failures, error) => failures < 2 && isPassing(error) },
    mutations: { retry: false },
  },
});

/** All of the page. What was shown to one who is no longer signed in is forgotten. */
export function Console() {
  const session = useSession();
  useEffect(() => {
    if (session.state === 'signed-out') queries.clear();
  }, [session]);
  if (session.state === 'starting') return null;
  if (session.state === 'signed-out') return <SignIn hasEnded={session.because === 'ended'} />;
  return (
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}
