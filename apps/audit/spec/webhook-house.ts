import { type AuditEvent, newId, type OwedEvent, type RequestInputOf, Audit } from '@portcullis/contracts';
import { generateSealingKey, NetworkList, publicSealingJwk, unseal } from '@portcullis/credentials';
import { aCaller, specDatabase } from '@portcullis/testing';
import { auditDatabase } from '../src/audit.module.js';
import { DeliverWebhooks, type DeliverOptions } from '../src/webhooks/deliver-webhooks.js';
import { Destinations } from '../src/webhooks/destinations.js';
import { ManageWebhooks } from '../src/webhooks/manage-webhooks.js';
import { anEvent, logOver } from './appended-log.js';
import { logConfig } from './log-config.js';

/** Webhooks over a real database, with a clock that the spec moves and as many deliverers as it starts. */
export async function webhookHouse() {
  const clock = { ahead: 0 };
  const now = (): Date => new Date(Date.now() + clock.ahead);
  const spec = await specDatabase({ ...auditDatabase, now });
  const { database } = spec;
  const { append, store } = await logOver(database);
  const { encryption } = logConfig;
  const allowed = new Destinations(NetworkList.parse(['127.0.0.0/8', '::1/128']));
  const replyKey = generateSealingKey();
  const { kty, crv, x } = publicSealingJwk(replyKey);
  const running = new Set<DeliverWebhooks>();
  const reports: string[] = [];
  const manage = new ManageWebhooks(database, allowed, encryption);

  const as = (organization_id: string, permissions = ['audit:view', 'audit:manage'], idempotencyKey?: string) =>
    aCaller(
      { organization_id, permissions },
      { replyKey: { kty, crv, x }, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
    );
  return {
    ...{ clock, database, manage, as, append, reports },
    after: (seconds: number): void => void (clock.ahead += seconds * 1000),
    anOrganization: () => newId('org', now()),
    open: ({ sealed }: { sealed: string }, operation: { subject: string }) =>
      unseal(replyKey, sealed, operation.subject),
    /** A webhook of an organization, with its secret. */
    async made(organization: string, given: Partial<RequestInputOf<typeof Audit.createWebhook>> & { url: string }) {
      const request = Audit.createWebhook.request.parse({ name: 'Spec', ...given });
      const { secret, ...webhook } = await manage.create(as(organization), request);
      if (!secret) throw new Error('no secret');
      return { ...webhook, secret: unseal(replyKey, secret.sealed, Audit.createWebhook.subject) };
    },
    /** Keeps events of an organization in the record. */
    async happened(organization: string, count: number, given: Partial<OwedEvent> = {}): Promise<AuditEvent[]> {
      const events = Array.from({ length: count }, () => anEvent({ ...given, organization_id: organization }));
      await append(events);
      return events;
    },
    /** Another replica. */
    start(options: Partial<DeliverOptions> = {}): DeliverWebhooks {
      const report = (line: string): void => void reports.push(line);
      const deliverer = new DeliverWebhooks(database, store, { destinations: allowed, encryption, report, ...options });
      running.add(deliverer);
      deliverer.start();
      return deliverer;
    },
    async stopAll(): Promise<void> {
      for (const deliverer of running) await deliverer.stop();
      running.clear();
    },
    rows: <T>(sql: string, values: unknown[] = []): Promise<T[]> =>
      database.read((manager) => manager.query<T[]>(sql, values)),
    drop: () => spec.drop(),
  };
}
