import { type LogKeyRecord } from '@portcullis/contracts';
import { UsageFault } from '../command.js';
import { remoteCommand } from '../remote/remote-command.js';
import { recordTable } from '../remote/tables.js';

export const eraseSubject = remoteCommand({
  summary: 'Removes for good what events say about a person, a key or another subject',
  help: `portcullis audit erase-subject ID --yes

Body and salt of each of your organization's events whose actor or resource is ID are removed. Their leaves stay, so every proof and
every checkpoint holds; nobody can tell from a leaf what was said. It cannot be undone, and is itself an event. Messages on the stream
AUDIT and exports that were made before are not reached.`,
  takes: ['ID'],
  options: { yes: { type: 'boolean' } },
  async run({ values, positionals: [subject], gateway, print }) {
    if (values.yes !== true) throw new UsageFault('It cannot be undone: say --yes.');
    const done = await gateway().ask<{ erased: number }>({
      method: 'POST',
      path: '/v1/audit/erasures',
      body: { subject },
    });
    print(done, () => `${done.erased} ${done.erased === 1 ? 'event was' : 'events were'} erased.`);
  },
});

export const rotateKey = remoteCommand({
  summary: 'Makes the next key that signs checkpoints',
  help: `portcullis audit rotate-key

Checkpoints are signed by a new key from now on; those of before stay good by their own. Whoever verifies needs the new verifier key:
GET /v1/audit/log-keys lists all.`,
  async run({ gateway, print }) {
    const key = await gateway().ask<LogKeyRecord>({ method: 'POST', path: '/v1/audit/log-keys', body: {} });
    print(key, () => recordTable(key));
  },
});
