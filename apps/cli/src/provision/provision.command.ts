import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { auditRetentionDays, readSettings, wholeNumber } from '@portcullis/settings';
import { z } from 'zod';
import { exit, UsageFault, type Command } from '../command.js';
import { writeComposeFiles } from './compose-files.js';
import { provisionDatabase } from './database.js';
import { connectToNats } from './nats-connection.js';
import { readOrMakeSecrets } from './secrets.js';
import { provisionStreams } from './streams.js';

const shape = z.object({
  PORTCULLIS_HOME: z.string().default('.portcullis'),
  DATABASE_URL: z.string().describe('A superuser of the database, or a user with CREATEROLE and CREATE on it'),
  NATS_URL: z.string().describe('A user that may use the whole JetStream API'),
  PORTCULLIS_AUDIT_RETENTION_DAYS: auditRetentionDays(),
});

export const provision: Command = {
  summary: 'Prepares a database and a NATS server for the services',
  help: `portcullis provision [--replicas N] [--own-database]
    Gives every service its schema and login role in DATABASE_URL and makes the streams on NATS_URL. Passwords are those of
    PORTCULLIS_HOME/secrets.json, made if it is not there. Safe to repeat. --replicas: copies of each stream in a NATS cluster.
    PORTCULLIS_AUDIT_RETENTION_DAYS, the same that audit has: how long the stream AUDIT keeps an event; without it, for ever.
    --own-database: it exists for Portcullis alone, so PUBLIC loses what it may do there by default.

portcullis provision --compose FOLDER
    Makes the secrets and writes, under FOLDER, one folder of files for each container: nats.conf, passwords, URLs, keys.
    Needs no server: it runs before they start. Keeps what is there.

\`portcullis up\` does all this by itself.`,
  async run(args, env) {
    const { values } = parseArgs({
      args: [...args],
      options: { compose: { type: 'string' }, replicas: { type: 'string' }, 'own-database': { type: 'boolean' } },
    });
    if (values.compose !== undefined) {
      writeComposeFiles(values.compose, env, (line) => void process.stdout.write(`${line}\n`));
      return exit.ok;
    }
    const replicas = wholeNumber({ min: 1, max: 5 }).safeParse(values.replicas ?? '1');
    if (!replicas.success) throw new UsageFault('--replicas is a whole number from 1 to 5.');
    const settings = readSettings(shape, env);
    const secrets = readOrMakeSecrets(join(settings.PORTCULLIS_HOME, 'secrets.json'));
    const { database } = await provisionDatabase(settings.DATABASE_URL, secrets.postgres, {
      ours: values['own-database'] ?? false,
    });
    const connection = await connectToNats(settings.NATS_URL);
    try {
      await provisionStreams(connection, {
        replicas: replicas.data,
        auditDays: settings.PORTCULLIS_AUDIT_RETENTION_DAYS,
      });
    } finally {
      await connection.close();
    }
    process.stdout.write(`The database ${database} and the streams are prepared.\n`);
    return exit.ok;
  },
};
