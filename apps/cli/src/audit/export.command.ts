import { createWriteStream, renameSync, rmSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Refused, UsageFault } from '../command.js';
import { remoteCommand, timeOf } from '../remote/remote-command.js';
import { checkpointBeside, keysBeside } from './beside.js';

export const exportLog = remoteCommand({
  summary: 'Writes the audit log with its proofs, a line for each index',
  help: `portcullis audit export [FILE] [--from N] [--to N] [--since TIME] [--until TIME]

Your organization's events with their salts; of all other indexes the leaf hash, so that the whole can be verified. To standard output
without FILE. With FILE the newest checkpoint is fetched first and written to FILE.checkpoint, and the log's keys to FILE.log-keys.json:
what \`portcullis audit verify --export FILE\` holds the export against. Keep checkpoints and keys elsewhere too.

  --from N, --to N           indexes, the second not included
  --since TIME, --until TIME  2026-11-24T09:00:00Z, or so long ago: 15m, 24h, 7d

Example:
  portcullis audit export audit.ndjson && portcullis audit verify --export audit.ndjson`,
  takes: ['[FILE]'],
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
  },
  async run({ values, positionals: [file], gateway }) {
    const at = gateway();
    const query = {
      from: indexOf(values.from, '--from'),
      to: indexOf(values.to, '--to'),
      since: timeOf(values.since, '--since'),
      until: timeOf(values.until, '--until'),
    };
    const question = { method: 'GET', path: '/v1/audit/export', query };
    if (file === undefined) {
      for await (const chunk of at.read(question)) {
        if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve));
      }
      return;
    }
    // Before the export: the log that it commits to is then within what is exported.
    let checkpoint = '';
    for await (const chunk of at.read({ method: 'GET', path: '/v1/audit/checkpoint' })) {
      checkpoint += Buffer.from(chunk).toString('utf8');
    }
    const keys = await at.ask({ method: 'GET', path: '/v1/audit/log-keys' });
    const part = `${file}.part`;
    try {
      await pipeline(at.read(question), createWriteStream(part, { mode: 0o600 }));
      writeFileSync(keysBeside(file), `${JSON.stringify(keys, null, 2)}\n`);
      writeFileSync(checkpointBeside(file), checkpoint);
      renameSync(part, file);
    } catch (error) {
      rmSync(part, { force: true });
      if (error instanceof Refused) throw error;
      throw new Refused(`${file} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
    }
  },
});

function indexOf(text: string | undefined, option: string): string | undefined {
  if (text !== undefined && !/^(?:0|[1-9]\d{0,14})$/.test(text))
    throw new UsageFault(`${option} is an index: 0, 1, 2, …`);
  return text;
}
