import { z } from 'zod';
import { defaultOutboxBound } from './database.js';

/** What a service with a database needs to know. */
export const postgresSettings = {
  /** `postgres://role:password@host:port/database`, the service's own login role. */
  DATABASE_URL: z
    .string('set DATABASE_URL to postgres://role:password@host:port/database')
    .regex(/^postgres(ql)?:\/\//, 'must start with postgres://'),
  /** Events that the record does not have yet, in each service: from there on only what takes something away is accepted. */
  PORTCULLIS_OUTBOX_BOUND: z
    .string()
    .regex(/^[1-9]\d{2,8}$/, 'is not a whole number from 100 to 999999999')
    .transform(Number)
    .default(defaultOutboxBound),
};
