import { type WebhookRecord } from '@portcullis/contracts';
import { type Command, UsageFault } from '../command.js';
import { many, remoteCommand } from '../remote/remote-command.js';
import { clean } from '../remote/tables.js';
import { example, fieldHelp, fieldOptions, fieldsOf, pathOf } from './webhook-fields.js';

export const update = remoteCommand({
  summary: 'Edits a webhook: its name, where it goes, what is sent',
  help: `portcullis webhooks update ID [--name N] [--to URL] [--action A… | --any-action] [--subject S… | --any-subject]

What is not said stays; actions and subjects that are said take the place of all before. They count for what is looked for from now on:
what was found before is still sent, at most 1500 events. The secret stays.

  --name N
  --to URL
${fieldHelp}
  --any-action, --any-subject

Examples:
  portcullis webhooks update ${example} --to https://siem.example/v2
  portcullis webhooks update ${example} --action 'api-key.*,client.*' --any-subject`,
  takes: ['ID'],
  options: {
    ...fieldOptions,
    name: { type: 'string' },
    to: { type: 'string' },
    'any-action': { type: 'boolean' },
    'any-subject': { type: 'boolean' },
  },
  async run({ values, positionals, gateway, print }) {
    const path = pathOf(positionals[0]);
    if (values['any-action'] && values.action) throw new UsageFault('--action or --any-action, not both.');
    if (values['any-subject'] && values.subject) throw new UsageFault('--subject or --any-subject, not both.');
    const body = {
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(values.to === undefined ? {} : { url: values.to }),
      ...fieldsOf(values),
      ...(values['any-action'] ? { actions: null } : {}),
      ...(values['any-subject'] ? { subjects: null } : {}),
    };
    if (Object.keys(body).length === 0) throw new UsageFault('Say what is to change.');
    const webhook = await gateway().ask<WebhookRecord>({ method: 'PATCH', path, body });
    print(webhook, () => `${nameOf(webhook)} is changed.`);
  },
});

export const disable = turn(false, {
  summary: 'Sends a webhook nothing until it is enabled again',
  says: 'What is under way may still arrive, for 15 seconds. Nothing is lost meanwhile.',
});

export const enable = turn(true, {
  summary: 'Lets a disabled webhook go on where it ended',
  says: 'All that was kept since then is sent.',
});

export const replay = remoteCommand({
  summary: 'Sends the events again that a webhook gave up',
  help: `portcullis webhooks replay ID [--event EVENT…]

All dead letters, or those named, under the ids that they had.

Examples:
  portcullis webhooks replay ${example}
  portcullis webhooks replay ${example} --event evt_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2`,
  takes: ['ID'],
  options: { event: { type: 'string', multiple: true } },
  async run({ values, positionals, gateway, print }) {
    const path = `${pathOf(positionals[0])}/replay`;
    const body = values.event ? { event_ids: many(values.event) } : {};
    const done = await gateway().ask<{ replayed: number }>({ method: 'POST', path, body });
    print(done, () => `${done.replayed} ${done.replayed === 1 ? 'event is' : 'events are'} sent again.`);
  },
});

export const remove = remoteCommand({
  summary: 'Deletes a webhook; what was not delivered is forgotten, not the events',
  help: `portcullis webhooks delete ID\n\nExample:\n  portcullis webhooks delete ${example}`,
  takes: ['ID'],
  async run({ positionals, gateway, print }) {
    const gone = await gateway().ask<{ id: string }>({ method: 'DELETE', path: pathOf(positionals[0]) });
    print(gone, () => `${gone.id} is deleted.`);
  },
});

function turn(enabled: boolean, { summary, says }: { summary: string; says: string }): Command {
  const verb = enabled ? 'enable' : 'disable';
  return remoteCommand({
    summary,
    help: `portcullis webhooks ${verb} ID\n\n${says}\n\nExample:\n  portcullis webhooks ${verb} ${example}`,
    takes: ['ID'],
    async run({ positionals, gateway, print }) {
      const path = pathOf(positionals[0]);
      const webhook = await gateway().ask<WebhookRecord>({ method: 'PATCH', path, body: { enabled } });
      print(webhook, () => `${nameOf(webhook)} is ${verb}d.`);
    },
  });
}

const nameOf = ({ id, name }: WebhookRecord): string => `${id} (${clean(name)})`;
