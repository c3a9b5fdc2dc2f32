import { type NatsConnection } from '@nats-io/transport-node';
import { ensureStreams, StreamFault } from '@portcullis/bus';
import { Refused } from '../command.js';

/** Makes or mends the streams and the durable consumer; refuses in one sentence if the server cannot hold them. */
export async function provisionStreams(
  connection: NatsConnection,
  options: { replicas?: number; auditDays?: number | undefined } = {},
): Promise<void> {
  try {
    await ensureStreams(connection, options);
  } catch (error) {
    throw error instanceof StreamFault ? new Refused(error.message) : error;
  }
}
