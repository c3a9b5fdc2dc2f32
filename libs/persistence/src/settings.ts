import { z } from 'zod';

/** What a service with a database needs to know. */
export const postgresSettings = {
  /** `postgres://role:password@host:port/database`, the service's own login role. */
  DATABASE_URL: z
    .string('set DATABASE_URL to postgres://role:password@host:port/database')
    .regex(/^postgres(ql)?:\/\//, 'must start with postgres://'),
};
