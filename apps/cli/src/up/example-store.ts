import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { freePort } from '@portcullis/embedded';
import { z } from 'zod';
import { type Environment, Refused } from '../command.js';
import { type Home } from './home.js';

const Credentials = z.object({ access_key_id: z.string().min(1), secret_access_key: z.string().min(1) });
type Credentials = z.infer<typeof Credentials>;

const region = 'us-east-1';

/** The object store of the examples, as the operator gave no other: what it is started with, and what its callers get. */
export interface ExampleStore {
  readonly environment: Readonly<Record<string, string>>;
  readonly forGateways: Readonly<Record<string, string>>;
}

/** Whether the operator named no S3 upstream, so that the store of the examples stands in for one. */
export const wantsExampleStore = (env: Environment): boolean => !env['S3_UPSTREAM_URL'] && !env['S3_UPSTREAM_URL_FILE'];

/**
 * Null if the operator has an S3 upstream. Refuses if half of one was given: an upload would otherwise go, without a word,
 * to a store that is only for trying out.
 */
export async function prepareExampleStore(env: Environment, home: Home): Promise<ExampleStore | null> {
  if (!wantsExampleStore(env)) return null;
  const half = Object.keys(env).find((name) => name.startsWith('S3_UPSTREAM_') && env[name]);
  if (half) throw new Refused(`${half} is set and S3_UPSTREAM_URL is not: set both, or neither for the example store.`);
  const port = (await home.lastPort('example-object-store')) ?? (await freePort());
  home.rememberPort('example-object-store', port);
  const { access_key_id, secret_access_key } = readOrMakeCredentials(home.file('object-store.json'));
  return {
    environment: {
      PORT: String(port),
      OBJECT_STORE_DIRECTORY: home.file('object-store'),
      OBJECT_STORE_ACCESS_KEY_ID: access_key_id,
      OBJECT_STORE_SECRET_ACCESS_KEY: secret_access_key,
      OBJECT_STORE_REGION: region,
    },
    forGateways: {
      S3_UPSTREAM_URL: `http://127.0.0.1:${port}`,
      S3_UPSTREAM_ACCESS_KEY_ID: access_key_id,
      S3_UPSTREAM_SECRET_ACCESS_KEY: secret_access_key,
      S3_UPSTREAM_REGION: region,
    },
  };
}

/** Made at the first start, mode 0600. Nothing is encrypted under them: a file that cannot be read is made anew. */
function readOrMakeCredentials(path: string): Credentials {
  try {
    return Credentials.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    const made: Credentials = {
      access_key_id: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secret_access_key: randomBytes(30).toString('base64'),
    };
    writeFileSync(`${path}.new`, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return made;
  }
}
