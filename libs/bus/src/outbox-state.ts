import { type Service, services } from '@portcullis/contracts';
import { z } from 'zod';
import { type Bus } from './bus.js';
import { listen } from './listen.js';
import { type Outbox } from './outbox-relay.js';

const OutboxState = z.object({
  /** Events that `audit` has not reported as kept. */
  events: z.number().int().nonnegative(),
  /** Since the oldest of them happened; null where there is none. */
  oldest_seconds: z.number().nonnegative().nullable(),
  /** How many there may be before changes are refused. */
  bound: z.number().int().positive(),
});

/** What a service owes the record. Its replicas owe it together. */
export type OutboxState = z.infer<typeof OutboxState>;

/** Heard by one replica of the service, asked by gateways. */
export const outboxSubject = (service: Service): string => `outbox.${service}`;

/** Those that have an outbox: a gateway has no database. */
export const outboxServices: readonly Service[] = services.filter((service) => service !== 'gateway');

const scrapeMilliseconds = 1_000;

/** Answers whoever asks how the outbox stands. */
export function answerOutboxState(bus: Bus, service: Service, outbox: Outbox, report: (line: string) => void): void {
  const failed = (cause: unknown): void => report(`outbox: ${String(cause)}`);
  listen(bus.connection, outboxSubject(service), { queue: service, failed }, async (message) => {
    message.respond(JSON.stringify(await outbox.state()));
  });
}

/** How the outboxes stand, of each service that says so within a second. None while NATS is away. */
export async function gatherOutboxStates(bus: Bus): Promise<ReadonlyMap<Service, OutboxState>> {
  const states = new Map<Service, OutboxState>();
  if (!bus.connected) return states;
  const ask = async (service: Service): Promise<void> => {
    const message = await bus.connection.request(outboxSubject(service), undefined, { timeout: scrapeMilliseconds });
    states.set(service, OutboxState.parse(message.json()));
  };
  // One that is away, or of another version, hides no other.
  await Promise.allSettled(outboxServices.map(ask));
  return states;
}
