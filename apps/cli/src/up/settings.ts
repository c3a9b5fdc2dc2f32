import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BcryptHash, KeyEncryption, RoleTokenKeys } from '@portcullis/credentials';
import {
  auditRetentionDays,
  ConfigFault,
  port,
  readSettings,
  s3PublicUrl,
  s3Region,
  wholeNumber,
} from '@portcullis/settings';
import { z } from 'zod';
import { type Environment } from '../command.js';

/** The services read it too; here it is tried before anything is started. */
const readableBy = (read: (text: string) => unknown) =>
  z.string().superRefine((text, context) => {
    try {
      read(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    }
  });

const shape = z.object({
  PORT: port().default(8080),
  S3_PORT: port().default(9000),
  PORTCULLIS_HOME: z.string().default('.portcullis'),
  PORTCULLIS_GATEWAYS: wholeNumber({ min: 1, max: 100 }).default(1),
  PORTCULLIS_REPLICAS: wholeNumber({ min: 1, max: 4 }).default(1),
  PORTCULLIS_POLICY: z.string().optional(),
  PORTCULLIS_PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'is not an http or https URL' }).optional(),
  PORTCULLIS_TLS_CERT: z.string().optional(),
  PORTCULLIS_READY_FILE: z.string().optional(),
  PORTCULLIS_AUDIT_RETENTION_DAYS: auditRetentionDays(),
  PORTCULLIS_FIRST_ADMIN_EMAIL: z.email({ error: 'is not an e-mail address' }).default('admin@portcullis.local'),
  PORTCULLIS_FIRST_ADMIN_PASSWORD: z.string().optional(),
  PORTCULLIS_KEY_ENCRYPTION_KEY: readableBy((list) => KeyEncryption.parse(list)).optional(),
  S3_PUBLIC_URL: s3PublicUrl().optional(),
  S3_REGION: s3Region().optional(),
  PORTCULLIS_TOKEN_ENCRYPTION_KEY: readableBy((list) => RoleTokenKeys.parse(list)).optional(),
  PORTCULLIS_ADMIN_PASSWORD_HASH: readableBy((hash) => BcryptHash.parse(hash)).optional(),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, 'does not look like postgres://user:password@host:port/database')
    .optional(),
  NATS_URL: z
    .string()
    .regex(/^(nats|tls):\/\/\S+$/, 'does not look like nats://user:password@host:port')
    .optional(),
});

export interface UpSettings extends z.output<typeof shape> {
  readonly policyPath: string;
  /** Whether the policy is the one that came with this checkout: then the example routes are there. */
  readonly shippedPolicy: boolean;
  readonly publicUrl: string;
  /** Where S3 clients go: the first gateway, unless it is said. */
  readonly s3PublicUrl: string;
  /** Ports of the n-th gateway, n from 0. */
  readonly gateways: readonly { port: number; s3Port: number }[];
}

/** What `portcullis up` itself reads. `checkout` is the folder that holds `apps` and `config`. */
export function readUpSettings(env: Environment, checkout: string): UpSettings {
  const read = readSettings(shape, env);
  const policyPath = read.PORTCULLIS_POLICY ? resolve(read.PORTCULLIS_POLICY) : join(checkout, 'config', 'policy.yaml');
  const gateways = Array.from({ length: read.PORTCULLIS_GATEWAYS }, (_, n) => ({
    port: read.PORT + 10 * n,
    s3Port: read.S3_PORT + 10 * n,
  }));
  const scheme = read.PORTCULLIS_TLS_CERT ? 'https' : 'http';
  const faults: string[] = [];
  if (!existsSync(policyPath)) faults.push('PORTCULLIS_POLICY names a file that does not exist.');
  const ports = gateways.flatMap(({ port, s3Port }) => [port, s3Port]);
  if (Math.max(...ports) > 65_535)
    faults.push('PORT and S3_PORT leave no room for so many gateways: the n-th listens on PORT+10·(n−1).');
  if (new Set(ports).size < ports.length)
    faults.push('PORT and S3_PORT meet: the n-th gateway listens on PORT+10·(n−1) and S3_PORT+10·(n−1).');
  if (faults.length > 0) throw new ConfigFault(faults);
  return {
    ...read,
    policyPath,
    shippedPolicy: read.PORTCULLIS_POLICY === undefined,
    publicUrl: (read.PORTCULLIS_PUBLIC_URL ?? `${scheme}://127.0.0.1:${read.PORT}`).replace(/\/+$/, ''),
    s3PublicUrl: read.S3_PUBLIC_URL ?? `${scheme}://127.0.0.1:${read.S3_PORT}`,
    gateways,
  };
}
