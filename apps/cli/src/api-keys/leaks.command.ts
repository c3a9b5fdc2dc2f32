import { type EnforcementReceipt } from '@portcullis/contracts';
import { exit } from '../command.js';
import { textOf } from '../remote/input.js';
import { remoteCommand, timeOf } from '../remote/remote-command.js';
import { listTable, receiptLine } from '../remote/tables.js';

interface FoundLeaks {
  readonly items: readonly {
    readonly [field: string]: unknown;
    readonly owner?: { readonly id: string };
    readonly live?: boolean;
    readonly use?: { readonly requests: number; readonly last_request_at: string | null } | null;
  }[];
  readonly enforcement?: EnforcementReceipt | null;
}

const maxBytes = 1_048_576;

export const leaks = remoteCommand({
  summary: 'Finds keys of yours in a text: a log, a commit, a paste',
  help: `portcullis api-keys leaks [FILE] [--revoke] [--since T]

Reads FILE, or standard input, at most 1 MiB. Says which of your organization's keys stand in it whole, which of them still
open something, and with --since what each did from then on (15m, 24h, 7d, or a time). The text is kept nowhere. --revoke ends
every key that was found, everywhere, before this answers.

Exit 0: no key that is live is in it, or all of them were revoked just now. Exit 1: some are.

Examples:
  git log -p -1 | portcullis api-keys leaks
  portcullis api-keys leaks build.log --since 7d --revoke`,
  takes: ['[FILE]'],
  options: { revoke: { type: 'boolean' }, since: { type: 'string' } },
  async run({ values, positionals, gateway, print }) {
    const since = timeOf(values.since, '--since');
    const at = gateway();
    const text = await textOf(positionals[0] ?? '-', { maxBytes, what: 'The text' });
    const body = {
      text,
      ...(since === undefined ? {} : { since }),
      ...(values.revoke ? { revoke: true } : {}),
    };
    const found = await at.ask<FoundLeaks>({ method: 'POST', path: '/v1/api-keys/leaks', body });
    const isLive = found.items.some(({ live, status }) => live ?? status === 'active');
    const isEnded = values.revoke === true && found.items.every(({ status }) => status === 'revoked');
    print(found, () => {
      const rows = found.items.map((item) => [
        item['id'],
        item['name'],
        item['status'],
        item.live ? 'live' : 'dead',
        item.owner?.id,
        item.use?.requests,
        item.use?.last_request_at ?? item['last_used_at'],
      ]);
      const heading = ['ID', 'NAME', 'STATUS', 'THIS SECRET', 'OWNER', 'REQUESTS', 'LAST USED'];
      const table = listTable(heading, rows, 'No key of yours is in it.');
      return found.enforcement ? `${table}\n\n${receiptLine(found.enforcement)}` : table;
    });
    return isLive && !isEnded ? exit.refused : exit.ok;
  },
});
