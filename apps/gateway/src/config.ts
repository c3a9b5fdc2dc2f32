import { fileURLToPath } from 'node:url';
import { busSettings } from '@portcullis/bus';
import { KeyListRefused, NetworkList, NetworkRefused, RoleTokenKeys, Secret } from '@portcullis/credentials';
import {
  commaSeparated,
  type Environment,
  policyVariables,
  port,
  readSettings,
  s3PublicUrl,
  s3Region,
  settingsOrExit,
  wholeNumber,
} from '@portcullis/settings';
import { z } from 'zod';
import { type S3UpstreamSettings } from './s3/upstream.js';

const keyPrefix = z
  .string()
  .regex(/^[0-9A-Za-z]+(?:_[0-9A-Za-z]+)*$/, 'is 1 to 32 letters and digits, with single underscores between them')
  .max(32, 'is 1 to 32 letters and digits, with single underscores between them');

const networks = commaSeparated(z.string()).transform((texts, context) => {
  try {
    return NetworkList.parse(texts);
  } catch (error) {
    if (!(error instanceof NetworkRefused)) throw error;
    // The message would repeat what was set; which entry is at fault says enough.
    context.addIssue('holds an entry that is not a network such as 10.0.0.0/8 or 2001:db8::/32');
    return z.NEVER;
  }
});

const fields = {
  ...busSettings,
  PORT: port().default(8080),
  /** What links, `iss` and signed targets are made from; never the Host header. */
  PORTCULLIS_PUBLIC_URL: z
    .string()
    .regex(
      /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*[^\s?#/])?$/,
      'must be an http or https URL without a user, a query, a fragment or a slash at its end',
    )
    .optional(),
  /** `aud` of access tokens, as identity has it; the public URL unless set. */
  PORTCULLIS_TOKEN_AUDIENCE: z.string().max(512, 'must be at most 512 characters').optional(),
  PORTCULLIS_POLICY: z.string().default('config/policy.yaml'),
  PORTCULLIS_CATALOGUE_DIRECTORY: z.string().optional(),
  /** The folder with the console as it was built; beside this app unless set. */
  PORTCULLIS_CONSOLE: z.string().default(fileURLToPath(new URL('../../console/dist', import.meta.url))),
  /** Of this gateway alone: where its events wait while the stream is away. In memory unless set. */
  PORTCULLIS_SPILL_DIRECTORY: z.string().optional(),
  PORTCULLIS_TRUSTED_PROXIES: networks.optional(),
  /** Proxies that learn who asks when they ask for a decision; others get the bare status. */
  PORTCULLIS_DECISION_PEERS: networks.optional(),
  /** Role tokens under one of these keys are accepted, whichever installation made them; without any, none is. */
  PORTCULLIS_TOKEN_ENCRYPTION_KEY: z
    .string()
    .transform((list, context) => {
      try {
        return RoleTokenKeys.parse(list);
      } catch (error) {
        if (!(error instanceof KeyListRefused)) throw error;
        context.addIssue(error.message);
        return z.NEVER;
      }
    })
    .describe('It decrypts role tokens; identity needs the same.')
    .optional(),
  PORTCULLIS_KEY_PREFIX: keyPrefix.default('ptc'),
  /** Processes that share this gateway's ports. */
  PORTCULLIS_WORKERS: wholeNumber({ min: 1, max: 256 }).default(1),
  /** Which of them this is. The first process says it to the others. */
  PORTCULLIS_WORKER: wholeNumber({ min: 1, max: 256 }).default(1),
  /** Paths of PEM files. */
  PORTCULLIS_TLS_CERT: z.string().optional(),
  PORTCULLIS_TLS_KEY: z.string().optional(),
  S3_PORT: port().default(9000),
  S3_PUBLIC_URL: s3PublicUrl().optional(),
  S3_REGION: s3Region().default('us-east-1'),
  /** Without it there is no S3 listener. */
  S3_UPSTREAM_URL: z
    .string()
    .regex(/^https?:\/\/[^\s/?#@]+\/?$/, 'must be an http or https URL of a host and perhaps a port')
    .refine((text) => URL.canParse(text), 'must be an http or https URL of a host and perhaps a port')
    .optional(),
  S3_UPSTREAM_REGION: s3Region().default('us-east-1'),
  S3_UPSTREAM_ACCESS_KEY_ID: z
    .string()
    .min(1, 'must not be empty')
    .max(256, 'must be at most 256 characters')
    .optional(),
  S3_UPSTREAM_SECRET_ACCESS_KEY: z
    .string()
    .min(1, 'must not be empty')
    .transform((text) => Secret.of(text))
    .describe('It signs what the gateway sends to the S3 upstream.')
    .optional(),
  /** Prefixes that keys had before: still looked up, no longer given out. */
  PORTCULLIS_KEY_PREFIXES_ACCEPTED: commaSeparated(keyPrefix).default([]),
};

/** Beside other faults too: whoever mends a configuration wants to do it once. */
const always = { when: () => true };

const settings = z
  .object(fields)
  .refine((read) => (read.PORTCULLIS_TLS_CERT === undefined) === (read.PORTCULLIS_TLS_KEY === undefined), {
    ...always,
    message: 'PORTCULLIS_TLS_CERT and PORTCULLIS_TLS_KEY go together: one of them is not set.',
  })
  .refine(
    (read) =>
      read.S3_UPSTREAM_URL === undefined ||
      (read.S3_UPSTREAM_ACCESS_KEY_ID !== undefined && read.S3_UPSTREAM_SECRET_ACCESS_KEY !== undefined),
    {
      ...always,
      message:
        'S3_UPSTREAM_URL needs S3_UPSTREAM_ACCESS_KEY_ID and S3_UPSTREAM_SECRET_ACCESS_KEY: one of them is not set.',
    },
  );

export interface GatewayConfig {
  natsUrl: string;
  port: number;
  publicUrl: string;
  /** `aud` of access tokens. */
  tokenAudience: string;
  policyPath: string;
  catalogueDirectory: string | undefined;
  /** Where the files of the console are, if they were built. */
  consoleDirectory: string;
  /** Undefined: events that the stream does not take wait in memory. */
  spillDirectory: string | undefined;
  trustedProxies: NetworkList;
  /** Null: no role token is accepted. */
  roleTokenKeys: RoleTokenKeys | null;
  /** Who learns from a decision whom it is about. */
  decisionPeers: NetworkList;
  /** The prefix of keys given out now, then those still accepted. */
  keyPrefixes: readonly string[];
  /** Processes that share the ports. */
  workers: number;
  /** Which of them this is, from 1. Who takes the place of another has its number. */
  worker: number;
  /** Undefined: no TLS. */
  tlsFiles: { certPath: string; keyPath: string } | undefined;
  /** Null: S3 is not spoken. */
  s3: S3Config | null;
  /** `${NAME}` in the policy's upstreams. */
  policyVariables: Readonly<Record<string, string>>;
}

export interface S3Config {
  port: number;
  /** Where clients reach it; `{organization}` may stand in its host. */
  publicUrl: string;
  /** The one that clients sign for. */
  region: string;
  upstream: S3UpstreamSettings;
}

/** Reads the environment, or prints every fault and exits 78. */
export const loadConfig = (): GatewayConfig => arranged(settingsOrExit(settings), process.env);

/** The same for an environment given; throws `ConfigFault`. */
export const readConfig = (env: Environment): GatewayConfig => arranged(readSettings(settings, env), env);

function arranged(read: z.output<typeof settings>, env: Environment): GatewayConfig {
  const { PORTCULLIS_TLS_CERT: certPath, PORTCULLIS_TLS_KEY: keyPath } = read;
  const tlsFiles = certPath !== undefined && keyPath !== undefined ? { certPath, keyPath } : undefined;
  const publicUrl = read.PORTCULLIS_PUBLIC_URL ?? `${tlsFiles ? 'https' : 'http'}://127.0.0.1:${read.PORT}`;
  return {
    natsUrl: read.NATS_URL,
    port: read.PORT,
    publicUrl,
    tokenAudience: read.PORTCULLIS_TOKEN_AUDIENCE ?? publicUrl,
    policyPath: read.PORTCULLIS_POLICY,
    catalogueDirectory: read.PORTCULLIS_CATALOGUE_DIRECTORY,
    consoleDirectory: read.PORTCULLIS_CONSOLE,
    spillDirectory: read.PORTCULLIS_SPILL_DIRECTORY,
    trustedProxies: read.PORTCULLIS_TRUSTED_PROXIES ?? NetworkList.parse([]),
    roleTokenKeys: read.PORTCULLIS_TOKEN_ENCRYPTION_KEY ?? null,
    decisionPeers: read.PORTCULLIS_DECISION_PEERS ?? NetworkList.parse(['127.0.0.0/8', '::1/128']),
    keyPrefixes: [...new Set([read.PORTCULLIS_KEY_PREFIX, ...read.PORTCULLIS_KEY_PREFIXES_ACCEPTED])],
    workers: read.PORTCULLIS_WORKERS,
    worker: read.PORTCULLIS_WORKER,
    tlsFiles,
    s3: s3Of(read, tlsFiles !== undefined),
    policyVariables: policyVariables(env),
  };
}

function s3Of(read: z.output<typeof settings>, isTls: boolean): S3Config | null {
  const { S3_UPSTREAM_URL: url, S3_UPSTREAM_ACCESS_KEY_ID: accessKeyId, S3_UPSTREAM_SECRET_ACCESS_KEY: secret } = read;
  if (url === undefined || accessKeyId === undefined || secret === undefined) return null;
  return {
    port: read.S3_PORT,
    publicUrl: read.S3_PUBLIC_URL ?? `${isTls ? 'https' : 'http'}://127.0.0.1:${read.S3_PORT}`,
    region: read.S3_REGION,
    upstream: { url, region: read.S3_UPSTREAM_REGION, accessKeyId, secret },
  };
}
