import { busSettings } from '@portcullis/bus';
import { NetworkList, NetworkRefused } from '@portcullis/credentials';
import { commaSeparated, policyVariables, port, settingsOrExit } from '@portcullis/settings';
import { z } from 'zod';

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

const settings = z.object({
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
  PORTCULLIS_TRUSTED_PROXIES: networks.optional(),
  /** Proxies that learn who asks when they ask for a decision; others get the bare status. */
  PORTCULLIS_DECISION_PEERS: networks.optional(),
  PORTCULLIS_KEY_PREFIX: keyPrefix.default('ptc'),
  /** Prefixes that keys had before: still looked up, no longer given out. */
  PORTCULLIS_KEY_PREFIXES_ACCEPTED: commaSeparated(keyPrefix).default([]),
});

export interface GatewayConfig {
  natsUrl: string;
  port: number;
  publicUrl: string;
  /** `aud` of access tokens. */
  tokenAudience: string;
  policyPath: string;
  catalogueDirectory: string | undefined;
  trustedProxies: NetworkList;
  /** Who learns from a decision whom it is about. */
  decisionPeers: NetworkList;
  /** The prefix of keys given out now, then those still accepted. */
  keyPrefixes: readonly string[];
  /** `${NAME}` in the policy's upstreams. */
  policyVariables: Readonly<Record<string, string>>;
}

/** Reads the environment, or prints every fault and exits 78. */
export function readConfig(): GatewayConfig {
  const read = settingsOrExit(settings);
  const publicUrl = read.PORTCULLIS_PUBLIC_URL ?? `http://127.0.0.1:${read.PORT}`;
  return {
    natsUrl: read.NATS_URL,
    port: read.PORT,
    publicUrl,
    tokenAudience: read.PORTCULLIS_TOKEN_AUDIENCE ?? publicUrl,
    policyPath: read.PORTCULLIS_POLICY,
    catalogueDirectory: read.PORTCULLIS_CATALOGUE_DIRECTORY,
    trustedProxies: read.PORTCULLIS_TRUSTED_PROXIES ?? NetworkList.parse([]),
    decisionPeers: read.PORTCULLIS_DECISION_PEERS ?? NetworkList.parse(['127.0.0.0/8', '::1/128']),
    keyPrefixes: [...new Set([read.PORTCULLIS_KEY_PREFIX, ...read.PORTCULLIS_KEY_PREFIXES_ACCEPTED])],
    policyVariables: policyVariables(),
  };
}
