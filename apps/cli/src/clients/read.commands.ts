import { type ClientRecord } from '@portcullis/contracts';
import { extentOf, idOf, listHelp, listOptions, remoteCommand, sayIfMore } from '../remote/remote-command.js';
import { listTable } from '../remote/tables.js';
import { clientTable } from './client-table.js';

export const list = remoteCommand({
  summary: 'Lists the machine clients of your organization, newest first',
  help: `portcullis clients list [options]

  --status S       active, disabled or revoked
  --role R         that have this role
  --search TEXT    in names
${listHelp}

Examples:
  portcullis clients list --status active
  portcullis clients list --all --output json | jq -r '.items[] | select(.last_used_at == null) | .id'`,
  options: {
    ...listOptions,
    status: { type: 'string' },
    role: { type: 'string' },
    search: { type: 'string' },
  },
  async run({ values, gateway, output, print }) {
    const query = { status: values.status, role: values.role, q: values.search };
    const page = await gateway().list<ClientRecord>('/v1/clients', query, extentOf(values));
    const heading = ['ID', 'CLIENT ID', 'NAME', 'STATUS', 'KEY', 'LAST USED', 'ROLES'];
    const rows = page.items.map((client) => [
      client.id,
      client.client_id,
      client.name,
      client.status,
      client.public_key.algorithm,
      client.last_used_at ?? 'never',
      client.roles,
    ]);
    print(page, () => listTable(heading, rows, 'No clients.'));
    sayIfMore(output, page.next_cursor);
  },
});

export const show = remoteCommand({
  summary: 'Shows one client: its keys, its roles, from where it is taken, its last use',
  help: `portcullis clients show ID

Examples:
  portcullis clients show cli_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2
  ID=$(portcullis clients show cli_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2 --output json | jq -r .client_id)`,
  takes: ['ID'],
  async run({ positionals, gateway, print }) {
    const path = `/v1/clients/${idOf(positionals[0], 'cli')}`;
    const client = await gateway().ask<ClientRecord>({ method: 'GET', path });
    print(client, () => clientTable(client));
  },
});
