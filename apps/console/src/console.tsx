import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from 'react-router';
import { useEffect } from 'react';
import { useSession } from './api/me';
import { isPassing } from './api/problem';
import { resume } from './api/session';
import { router } from './router';
import { SignIn } from './screens/sign-in/sign-in';
import { ProblemNotice } from './ui/notice';

const queries = new QueryClient({
  defaultOptions: {
    // Whether this machine is online says nothing of a gateway on it or beside it: asked is asked.
    queries: { networkMode: 'always', staleTime: 5_000, retry: (failures, error) => failures < 2 && isPassing(error) },
    mutations: { networkMode: 'always', retry: false },
  },
});

/** All of the page. What was shown to one who is no longer signed in is forgotten. */
export function Console() {
  const session = useSession();
  useEffect(() => {
    if (session.state === 'signed-out') queries.clear();
  }, [session]);
  if (session.state === 'starting') return null;
  if (session.state === 'unknown')
    return (
      <main className="page">
        <title>Portcullis</title>
        <h1>Portcullis</h1>
        <ProblemNotice error={session.error} onRepeat={() => void resume()} />
      </main>
    );
  if (session.state === 'signed-out') return <SignIn hasEnded={session.because === 'ended'} />;
  return (
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}
