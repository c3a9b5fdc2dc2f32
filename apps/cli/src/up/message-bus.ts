import { findNatsServer, startNats, type Log } from '@portcullis/embedded';
import { services, type Service } from '@portcullis/contracts';
import { type Environment } from '../command.js';
import { keepReader } from '../audit/reader.js';
import { natsAccounts } from '../provision/nats-accounts.js';
import { connectToNats, natsUrlAs } from '../provision/nats-connection.js';
import { readOrMakeSecrets, type Secrets } from '../provision/secrets.js';
import { provisionStreams } from '../provision/streams.js';
import { notableNatsLine } from './child-log.js';
import { type Home } from './home.js';
import { keepServer } from './kept-server.js';
import { logFile } from './log-file.js';

/** The reader of the record that every home has, for trying out. */
export const trialReader = 'trial';

/** A message server that is prepared: what each service connects with, and how to let go of it. */
export interface PreparedBus {
  readonly urls: Readonly<Record<Service, string>>;
  /** What guards in other teams' services connect with. Null: the server has no user that may do what a guard may and no more. */
  readonly guardUrl: string | null;
  /** Where readers of the record outside find the server. Null: there it knows none of them. */
  readonly readersUrl: string | null;
  readonly stop: () => Promise<void>;
}

/** Finds a nats-server, starts it in the home with a user for each service, and makes the streams. */
export async function embeddedBus(home: Home, secrets: Secrets, env: Environment, say: Log): Promise<PreparedBus> {
  const binary = await findNatsServer(home.file('cache'), say, { env });
  const keep = logFile(home.file('logs', 'nats.log'));
  const output = (line: string) => {
    keep(line);
    if (notableNatsLine(line)) say(`nats: ${line}`);
  };
  say(`Starting nats-server ${binary.version.join('.')}.`);
  const kept = await keepServer(
    'nats-server',
    (port) => {
      // Read at each start: readers may have been added while it ran.
      keepReader(home.file('secrets.json'), trialReader);
      const { auditReaders } = readOrMakeSecrets(home.file('secrets.json'));
      const users = natsAccounts(secrets.nats, auditReaders);
      return startNats({
        binary,
        users,
        storeDirectory: home.file('nats'),
        log: say,
        output,
        ...(port ? { port } : {}),
      });
    },
    await home.lastPort('nats'),
    say,
  );
  try {
    home.rememberPort('nats', kept.first.port);
    await makeStreams(natsUrlAs(kept.first.url(), 'admin', secrets.nats.admin));
    return { ...urlsAs(kept.first.url(), secrets), readersUrl: kept.first.url(), stop: kept.stop };
  } catch (error) {
    await kept.stop();
    throw error;
  }
}

/** Makes the streams on the server of `url`, and finds out whether it knows our users. */
export async function externalBus(url: string, secrets: Secrets, say: Log): Promise<PreparedBus> {
  say('Preparing the NATS server of NATS_URL.');
  await makeStreams(url);
  if (await knowsOurUsers(url, secrets))
    return { ...urlsAs(url, secrets), readersUrl: null, stop: () => Promise.resolve() };
  say(
    'The NATS server of NATS_URL has no users for the single services: they all use the URL as it is, and what each may do there is for you to limit.',
  );
  return {
    urls: Object.fromEntries(services.map((service) => [service, url])) as Record<Service, string>,
    guardUrl: null,
    readersUrl: null,
    stop: () => Promise.resolve(),
  };
}

async function makeStreams(url: string): Promise<void> {
  const connection = await connectToNats(url);
  try {
    await provisionStreams(connection);
  } finally {
    await connection.close();
  }
}

/** A server without any authorization takes every user and password: that is not knowing them. */
async function knowsOurUsers(url: string, secrets: Secrets): Promise<boolean> {
  try {
    const connection = await connectToNats(natsUrlAs(url, 'identity', secrets.nats.identity));
    const checked = connection.info?.auth_required === true;
    await connection.close();
    return checked;
  } catch {
    return false;
  }
}

function urlsAs(url: string, { nats }: Secrets): Pick<PreparedBus, 'urls' | 'guardUrl'> {
  const urls = services.map((service) => [service, natsUrlAs(url, service, nats[service])]);
  return {
    urls: Object.fromEntries(urls) as Record<Service, string>,
    guardUrl: natsUrlAs(url, 'guard', nats.guard),
  };
}
