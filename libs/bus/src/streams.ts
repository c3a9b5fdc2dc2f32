import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';

/** The stream that holds every audit event, and `audit`'s durable consumer on it. */
export const auditStream = 'AUDIT';
export const auditConsumer = 'audit';
/** The stream of answered requests, its one subject, and `api-key`'s durable consumer, by which use is counted. */
export const accessStream = 'ACCESS';
export const accessSubject = 'access.requests';
export const accessConsumer = 'usage';

/** The stream that holds the audit log's checkpoints in a second place, and its one subject. */
export const checkpointStream = 'CHECKPOINTS';
export const checkpointSubject = 'checkpoints.audit';

/** The server cannot hold what Portcullis needs. The message says why and what to do, in one sentence. */
export class StreamFault extends Error {
  override readonly name = 'StreamFault';
}

/**
 * Makes the streams and the durable consumers that the services stand on, or brings them to what they should be. They may
 * not do so themselves: their NATS users cannot reach the stream API. Throws `StreamFault`, for one if the server has no JetStream.
 *
 * `replicas` only matters where a stream is made; the number of one that exists is the operator's.
 */
export async function ensureStreams(
  connection: NatsConnection,
  { replicas = 1 }: { replicas?: number } = {},
): Promise<void> {
  const manager = await managerOf(connection);
  for (const stream of streams) await giveStream(manager, { ...stream, num_replicas: replicas });
  for (const [stream, consumer, config] of consumers)
    await giveConsumer(manager, stream, consumer, { ...consumerConfig, ...config });
}

type Wanted = Partial<StreamConfig> & { name: string };

const streams: readonly Wanted[] = [
  {
    name: auditStream,
    // Exactly the subjects of events: `audit.>` would take calls to the audit service for events and answer them itself.
    subjects: ['audit.*.*.*.*'],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_age: 0,
    deny_delete: true,
    deny_purge: true,
    duplicate_window: nanos(120_000),
  },
  {
    // What was answered: read within minutes for last-used times and request lists. Old entries go before the disk is full. No
    // service is named `access`, so no call can be taken for an entry.
    name: accessStream,
    subjects: [accessSubject],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(24 * 60 * 60 * 1000),
    max_bytes: 1024 ** 3,
    duplicate_window: nanos(120_000),
  },
  {
    // What the audit log was, for a database that was put back and for whoever asks: nobody can take one away. 300 bytes each.
    name: checkpointStream,
    subjects: [checkpointSubject],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: 0,
    max_bytes: 256 * 1024 ** 2,
    deny_delete: true,
    deny_purge: true,
    duplicate_window: nanos(120_000),
  },
];

const consumers: readonly (readonly [stream: string, consumer: string, config?: Partial<ConsumerConfig>])[] = [
  // `audit` writes a thousand in one transaction and gathers as many meanwhile.
  [auditStream, auditConsumer, { max_ack_pending: 2000 }],
  [accessStream, accessConsumer],
];

const consumerConfig: Partial<ConsumerConfig> = {
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  max_ack_pending: 1000,
};

/** From where on a reader of the record reads. */
export type ReadsFrom = 'start' | 'new' | Date;

/** What a reader of the record outside is given: from where on, and on which subjects. None named: all. */
export interface ReadsWhat {
  readonly from: ReadsFrom;
  /** As NATS has them, with wildcards: `audit.*.api-key.api-key.>`. None may lie within another. */
  readonly subjects?: readonly string[];
}

/** Makes the durable consumer of a reader of the record outside, if it is not there. */
export async function giveAuditReader(
  connection: NatsConnection,
  durable: string,
  { from, subjects = [] }: ReadsWhat,
): Promise<void> {
  const [only, ...others] = subjects;
  // An older server would not know the word, and deliver everything.
  if (others.length > 0 && !isAtLeast(connection.info?.version, [2, 10]))
    throw new StreamFault('This NATS server knows one subject a consumer (2.10 and later know more): name one.');
  const filter: Partial<ConsumerConfig> =
    only === undefined ? {} : others.length === 0 ? { filter_subject: only } : { filter_subjects: [...subjects] };
  const begin: Partial<ConsumerConfig> =
    from === 'start'
      ? { deliver_policy: DeliverPolicy.All }
      : from === 'new'
        ? { deliver_policy: DeliverPolicy.New }
        : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() };
  await giveConsumer(await managerOf(connection), auditStream, durable, { ...consumerConfig, ...begin, ...filter });
}

/** Takes it away; what it has not read stays on the stream. */
export async function dropAuditReader(connection: NatsConnection, durable: string): Promise<void> {
  const manager = await managerOf(connection);
  await absentOr(manager.consumers.delete(auditStream, durable));
}

function isAtLeast(version: string | undefined, [major, minor]: readonly [number, number]): boolean {
  const [is = 0, of = 0] = (version ?? '').split('.').map(Number);
  return is > major || (is === major && of >= minor);
}

async function managerOf(connection: NatsConnection): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(connection);
  } catch {
    throw new StreamFault(
      'The NATS server has no JetStream for this user, and events are kept there: start it with JetStream (-js), or give another NATS_URL.',
    );
  }
}

async function giveStream(manager: JetStreamManager, wanted: Wanted): Promise<void> {
  const existing = await absentOr(manager.streams.info(wanted.name));
  try {
    if (!existing) {
      await manager.streams.add(wanted);
      return;
    }
    const settings = { ...wanted, num_replicas: existing.config.num_replicas };
    const changed = Object.entries(settings).filter(([key, value]) =>
      differs(existing.config[key as keyof StreamConfig], value),
    );
    if (changed.length > 0) await manager.streams.update(wanted.name, { ...existing.config, ...settings });
  } catch (error) {
    throw refused(`The stream ${wanted.name} cannot be ${existing ? 'brought to what it should be' : 'made'}`, error);
  }
}

async function giveConsumer(
  manager: JetStreamManager,
  stream: string,
  consumer: string,
  config = consumerConfig,
): Promise<void> {
  const existing = await absentOr(manager.consumers.info(stream, consumer));
  const { max_ack_pending } = config;
  try {
    if (existing) {
      if (max_ack_pending !== undefined && (existing.config.max_ack_pending ?? 0) < max_ack_pending)
        await manager.consumers.update(stream, consumer, { max_ack_pending });
      return;
    }
    await manager.consumers.add(stream, { ...config, durable_name: consumer });
  } catch (error) {
    throw refused(`The consumer ${consumer} of ${stream} cannot be made`, error);
  }
}

/** Absent is an answer; any other trouble is not. */
async function absentOr<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof JetStreamApiError && (error.code === 10059 || error.code === 10014)) return null;
    throw error;
  }
}

/** A server leaves out what is false or zero. */
function differs(is: unknown, wanted: unknown): boolean {
  return JSON.stringify(is || null) !== JSON.stringify(wanted || null);
}

function refused(what: string, error: unknown): unknown {
  return error instanceof JetStreamApiError ? new StreamFault(`${what}: ${error.message}.`) : error;
}
