import { type DeadLetter, type WebhookRecord } from '@portcullis/contracts';
import { extentOf, listHelp, listOptions, remoteCommand, sayIfMore } from '../remote/remote-command.js';
import { listTable, recordTable } from '../remote/tables.js';
import { example, pathOf } from './webhook-fields.js';

export const list = remoteCommand({
  summary: 'Lists webhooks, and how they do',
  help: `portcullis webhooks list

${listHelp}

Example:
  portcullis webhooks list --output json | jq '.items[] | select(.dead_letters > 0)'`,
  options: listOptions,
  async run({ values, gateway, output, print }) {
    const page = await gateway().list<WebhookRecord>('/v1/audit/webhooks', {}, extentOf(values));
    const rows = page.items.map((each) => [
      ...[each.id, each.name, each.status, each.disabled_reason ?? (each.failing_since ? 'failing' : '')],
      ...[each.pending, each.dead_letters, each.delivered_at, each.url],
    ]);
    const heading = ['ID', 'NAME', 'STATUS', 'TROUBLE', 'PENDING', 'DEAD', 'DELIVERED', 'URL'];
    print(page, () => listTable(heading, rows, 'No webhooks.'));
    sayIfMore(output, page.next_cursor);
  },
});

export const show = remoteCommand({
  summary: 'Shows one webhook',
  help: `portcullis webhooks show ID\n\nExample:\n  portcullis webhooks show ${example}`,
  takes: ['ID'],
  async run({ positionals, gateway, print }) {
    const webhook = await gateway().ask<WebhookRecord>({ method: 'GET', path: pathOf(positionals[0]) });
    print(webhook, () => recordTable(webhook));
  },
});

export const deadLetters = remoteCommand({
  summary: 'Lists the events that a webhook gave up, and why',
  help: `portcullis webhooks dead-letters ID

In the order of the record; kept for 30 days. \`portcullis webhooks replay\` sends them again.

${listHelp}

Example:
  portcullis webhooks dead-letters ${example} --all --output json`,
  takes: ['ID'],
  options: listOptions,
  async run({ values, positionals, gateway, output, print }) {
    const page = await gateway().list<DeadLetter>(`${pathOf(positionals[0])}/dead-letters`, {}, extentOf(values));
    const rows = page.items.map((each) => [each.event_id, each.attempts, each.reason, each.died_at]);
    print(page, () => listTable(['EVENT', 'ATTEMPTS', 'REASON', 'GIVEN UP'], rows, 'No dead letters.'));
    sayIfMore(output, page.next_cursor);
  },
});
