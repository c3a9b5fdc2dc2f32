import { eventOrigin, type Action, type AuthenticatedCaller } from '@portcullis/contracts';
import { type Database } from '@portcullis/persistence';

/**
 * Writes down that somebody read the record: before the answer leaves, once for each call, not for the pages behind a call's first.
 * What was searched for in free text may be anything, and is left out.
 */
export async function noteReading(
  database: Database,
  caller: AuthenticatedCaller,
  action: Action & `record.${string}`,
  what: { kind: string; id?: string; details?: Record<string, unknown> },
): Promise<void> {
  const { kind, id = null, details = {} } = what;
  await database.transaction((tx) =>
    tx.owe({
      organization_id: caller.principal.organization_id,
      action,
      resource: { kind, id },
      ...eventOrigin(caller),
      details,
    }),
  );
}
