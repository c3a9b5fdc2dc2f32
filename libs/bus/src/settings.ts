import { z } from 'zod';

/** What a process on the bus needs to know. */
export const busSettings = {
  /** `nats://user:password@host:port`; several servers of one cluster are separated by commas. */
  NATS_URL: z
    .string('set NATS_URL to nats://user:password@host:port')
    .regex(/^(nats|tls):\/\//, 'must start with nats:// or tls://'),
};
