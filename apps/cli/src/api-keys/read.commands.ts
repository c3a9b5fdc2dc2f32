import { type ApiKeyRecord } from '@portcullis/contracts';
import { extentOf, idOf, listHelp, listOptions, remoteCommand, sayIfMore, timeOf } from '../remote/remote-command.js';
import { wholeNumber } from '../remote/remote-command.js';
import { cell, listTable, recordTable } from '../remote/tables.js';

export const list = remoteCommand({
  summary: 'Lists keys, newest first',
  help: `portcullis api-keys list [filters]

  --status active|disabled|expired|revoked
  --owner usr_…|sa_…         whose
  --role R                   that hold this role
  --unused-days N            not used for so long
  --expiring-in-days N       that end within so many days
  --search TEXT              in names and the like
${listHelp}

Examples:
  portcullis api-keys list --status active --expiring-in-days 14
  portcullis api-keys list --all --output json | jq -r '.items[] | select(.last_used_at == null) | .id'`,
  options: {
    ...listOptions,
    status: { type: 'string' },
    owner: { type: 'string' },
    role: { type: 'string' },
    'unused-days': { type: 'string' },
    'expiring-in-days': { type: 'string' },
    search: { type: 'string' },
  },
  async run({ values, gateway, output, print }) {
    const days = (name: 'unused-days' | 'expiring-in-days'): number | undefined =>
      values[name] === undefined ? undefined : wholeNumber(values[name], `--${name}`, { min: 1, max: 3650 });
    const query = {
      status: values.status,
      owner: values.owner,
      role: values.role,
      unused_days: days('unused-days'),
      expiring_in_days: days('expiring-in-days'),
      q: values.search,
    };
    const page = await gateway().list<ApiKeyRecord>('/v1/api-keys', query, extentOf(values));
    const heading = ['ID', 'NAME', 'STATUS', 'FORMS', 'EXPIRES', 'LAST USED', 'HOLDS'];
    print(page, () => listTable(heading, page.items.map(rowOf), 'No keys.'));
    sayIfMore(output, page.next_cursor);
  },
});

const rowOf = (key: ApiKeyRecord): unknown[] => [
  key.id,
  key.name,
  key.status,
  key.forms,
  key.expires_at ?? 'never',
  key.last_used_at ?? 'never',
  [...key.roles, ...key.permissions],
];

export const show = remoteCommand({
  summary: 'Shows one key: what it may do, its secrets’ ages, its last use',
  help: `portcullis api-keys show ID

No secret is in it: those were shown when the key was made.

Examples:
  portcullis api-keys show key_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2
  portcullis api-keys show key_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2 --output yaml`,
  takes: ['ID'],
  async run({ positionals, gateway, print }) {
    const path = `/v1/api-keys/${idOf(positionals[0], 'key')}`;
    const key = await gateway().ask<ApiKeyRecord>({ method: 'GET', path });
    print(key, () => {
      const secrets = key.secrets.map(({ id, form, created_at, expires_at, last_used_at }) => [
        id,
        form,
        created_at,
        expires_at ?? 'never',
        last_used_at ?? 'never',
      ]);
      const heading = ['SECRET', 'FORM', 'MADE', 'ENDS', 'LAST USED'];
      return `${recordTable(key, ['secrets'])}\n\n${listTable(heading, secrets, 'It has no secrets.')}`;
    });
  },
});

interface RequestRow {
  readonly [field: string]: unknown;
  readonly method: string;
  readonly path: string;
  /** Above 100 a second: how many more there were in that second. */
  readonly omitted?: number | null;
}

export const requests = remoteCommand({
  summary: 'Lists what was called with which key',
  help: `portcullis api-keys requests [KEY] [--service-account sa_…] [--since T] [--until T]

T is a time (2026-11-24T09:00:00Z) or so long ago (15m, 24h, 7d).
${listHelp}

Examples:
  portcullis api-keys requests key_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2 --since 24h
  portcullis api-keys requests --since 1h --all --output json | jq -r '.items[].client_ip' | sort | uniq -c`,
  takes: ['[KEY]'],
  options: {
    ...listOptions,
    'service-account': { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
  },
  async run({ values, positionals, gateway, output, print }) {
    const query = {
      api_key_id: positionals[0] === undefined ? undefined : idOf(positionals[0], 'key'),
      service_account_id: values['service-account'] === undefined ? undefined : idOf(values['service-account'], 'sa'),
      since: timeOf(values.since, '--since'),
      until: timeOf(values.until, '--until'),
    };
    const page = await gateway().list<RequestRow>('/v1/api-keys/requests', query, extentOf(values));
    const heading = ['TIME', 'KEY', 'STATUS', 'MS', 'FROM', 'REQUEST'];
    const rows = page.items.map((row) => [
      // To the second: a minute may hold thousands.
      cell(String(row['time']).replace(/^(.{10})T(.{8}).*$/, '$1 $2')),
      row['api_key_id'],
      row['status'],
      row['duration_ms'],
      row['client_ip'],
      `${row.method} ${row.path}${row.omitted ? ` (and ${row.omitted} more in that second)` : ''}`,
    ]);
    print(page, () => listTable(heading, rows, 'No requests.'));
    sayIfMore(output, page.next_cursor);
  },
});
