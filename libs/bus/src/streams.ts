import {
  AckPolicy,
  type ConsumerConfig,
  DiscardPolicy,
  jetstreamManager,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';

/** The stream that holds every audit event, and `audit`'s durable consumer on it. */
export const auditStream = 'AUDIT';
export const auditConsumer = 'audit';
/** The stream of allowed requests, from which use is counted. */
export const accessStream = 'ACCESS';

const day = 24 * 3_600_000;

const streams: StreamConfigOf[] = [
  {
    name: auditStream,
    // Exactly the subjects of events: `audit.>` would swallow calls to the audit service and answer them itself.
    subjects: ['audit.*.*.*.*'],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_age: 0,
    duplicate_window: nanos(120_000),
    deny_delete: true,
    deny_purge: true,
  },
  {
    name: accessStream,
    subjects: ['access.>'],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos(day),
    max_bytes: 1024 ** 3,
    duplicate_window: nanos(120_000),
  },
];

const auditConsumerConfig: Partial<ConsumerConfig> = {
  durable_name: auditConsumer,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(30_000),
  max_ack_pending: 1_000,
};

type StreamConfigOf = Partial<StreamConfig> & { name: string };

/**
 * Makes the streams and the consumer that Portcullis needs, or leaves those that are there. With the administrator's
 * connection: no service may do this.
 */
export async function ensureStreams(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection);
  for (const config of streams) await ensureStream(manager, config);
  await unlessThere(
    () => manager.consumers.info(auditStream, auditConsumer),
    () => manager.consumers.add(auditStream, auditConsumerConfig),
  );
}

async function ensureStream(manager: JetStreamManager, config: StreamConfigOf): Promise<void> {
  await unlessThere(
    () => manager.streams.info(config.name),
    () => manager.streams.add(config),
  );
}

const notFound = 404;

async function unlessThere(look: () => Promise<unknown>, make: () => Promise<unknown>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.apiError().code !== notFound) throw error;
    await make();
  }
}
