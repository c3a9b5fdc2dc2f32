import { Bus, EnforcementAuthority } from '@portcullis/bus';
import {
  type AuditEvent,
  type AuthenticatedCaller,
  newId,
  type Operation,
  type Principal,
  type RequestInputOf,
  type RequestOf,
} from '@portcullis/contracts';
import { type DatabaseOptions } from '@portcullis/persistence';
import { aCaller } from './makers.js';
import { specNatsUrl } from './spec-bus.js';
import { specDatabase } from './spec-database.js';

/**
 * What a service that owns credentials stands on in its specs: a real database and bus, an authority, a clock that stands, an
 * organization, and callers of it.
 * @param about.permissions what an owner of the organization holds now
 */
export async function specHouse(
  options: Omit<DatabaseOptions, 'url' | 'now'>,
  about: { permissions: () => readonly string[]; replyKey?: AuthenticatedCaller['reply_key'] },
) {
  const clock = { now: new Date('2026-03-01T12:00:00.000Z') };
  const spec = await specDatabase({ ...options, now: () => clock.now });
  const { database, url } = spec;
  const bus = await Bus.connect(options.service, specNatsUrl(options.service));
  const authority = new EnforcementAuthority(bus, { store: database.enforcement, leaseSeconds: 2, report: () => {} });
  const organization_id = newId('org', new Date());
  const query = <Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> =>
    database.read((manager) => manager.query<Row[]>(sql, parameters));

  return {
    ...{ clock, database, url, bus, authority, organization_id, query },
    after: (seconds: number): void => {
      clock.now = new Date(clock.now.getTime() + seconds * 1000);
    },
    /** A request as its handler reads it. */
    read: <O extends Operation>(operation: O, request: RequestInputOf<O>): RequestOf<O> =>
      operation.request.parse(request) as RequestOf<O>,
    /** Holds everything that there is, unless the spec says less. */
    owner: (given: Partial<Principal> = {}, idempotencyKey?: string): AuthenticatedCaller =>
      aCaller(
        { organization_id, permissions: [...about.permissions()], resources: { buckets: 'all' }, ...given },
        {
          ...(about.replyKey === undefined ? {} : { replyKey: about.replyKey }),
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        },
      ),
    /** What is owed, of one resource or of all, in order. */
    events: async (id?: string): Promise<AuditEvent[]> => {
      const rows = await query<{ event: AuditEvent }>(
        `select event from outbox where $1::text is null or event->'resource'->>'id' = $1 order by id`,
        [id ?? null],
      );
      return rows.map(({ event }) => event);
    },
    markers: (id: string) =>
      query<{ effect: string }>('select effect from marker where subject = $1 order by seq', [id]),
    close: async (): Promise<void> => {
      await bus.close();
      await spec.drop();
    },
  };
}
