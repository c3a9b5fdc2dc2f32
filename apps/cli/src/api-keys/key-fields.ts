import { UsageFault } from '../command.js';
import { many, type Options, type Values, wholeNumber } from '../remote/remote-command.js';

/** What a key is given, and what an edit may narrow. */
export const keyOptions = {
  description: { type: 'string' },
  role: { type: 'string', multiple: true },
  permission: { type: 'string', multiple: true },
  bucket: { type: 'string', multiple: true },
  'all-buckets': { type: 'boolean' },
  network: { type: 'string', multiple: true },
  'rate-limit': { type: 'string' },
  metadata: { type: 'string', multiple: true },
} as const satisfies Options;

export const keyHelp = `  --role R, --permission P   what it may do; several with commas, or the option again
  --bucket B | --all-buckets which buckets its storage permissions reach
  --network CIDR             from where it is taken; several as above
  --rate-limit N/S           at most N requests in S seconds: 100/1
  --description TEXT
  --metadata NAME=VALUE      words of your own; several`;

/** The fields of a request. What was not said is not there. */
export function keyFieldsOf(values: Values<typeof keyOptions>): Record<string, unknown> {
  if (values['all-buckets'] && values.bucket) throw new UsageFault('--bucket or --all-buckets, not both.');
  const fields = {
    description: values.description,
    roles: many(values.role),
    permissions: many(values.permission),
    buckets: values['all-buckets'] ? 'all' : many(values.bucket),
    networks: many(values.network),
    rate_limit: rateLimitOf(values['rate-limit']),
    metadata: metadataOf(values.metadata),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function rateLimitOf(text: string | undefined): { requests: number; per_seconds: number } | undefined {
  if (text === undefined) return undefined;
  const [requests = '', seconds = '', ...more] = text.split('/');
  if (more.length > 0) throw new UsageFault('--rate-limit is requests and seconds: 100/1.');
  return {
    requests: wholeNumber(requests, '--rate-limit (requests)', { min: 1, max: 1_000_000 }),
    per_seconds: wholeNumber(seconds, '--rate-limit (seconds, after the slash)', { min: 1, max: 86_400 }),
  };
}

function metadataOf(given: readonly string[] | undefined): Record<string, string> | undefined {
  if (given === undefined) return undefined;
  const pairs = given.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageFault('--metadata is NAME=VALUE.');
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}
