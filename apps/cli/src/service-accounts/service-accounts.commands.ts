import { type EnforcementReceipt } from '@portcullis/contracts';
import { type Command, UsageFault } from '../command.js';
import { extentOf, idOf, listHelp, listOptions, many, remoteCommand, sayIfMore } from '../remote/remote-command.js';
import { clean, listTable, receiptLine, recordTable } from '../remote/tables.js';

interface ServiceAccount {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly description: string | null;
  readonly enforcement?: EnforcementReceipt | null;
}

const path = '/v1/service-accounts';
const example = 'sa_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2';

const fieldOptions = {
  description: { type: 'string' },
  role: { type: 'string', multiple: true },
  permission: { type: 'string', multiple: true },
} as const;

const fieldsOf = (given: { description?: string; role?: string[]; permission?: string[] }) => ({
  ...(given.description === undefined ? {} : { description: given.description }),
  ...(given.role ? { roles: many(given.role) } : {}),
  ...(given.permission ? { permissions: many(given.permission) } : {}),
});

export const create = remoteCommand({
  summary: 'Makes a service account: an owner of keys that is no person',
  help: `portcullis service-accounts create NAME [--description TEXT] [--role R…] [--permission P…]

Its keys have at most what it holds. It outlives the person who made it.

Examples:
  portcullis service-accounts create billing --role read
  portcullis api-keys create nightly --service-account ${example} --role read`,
  takes: ['NAME'],
  options: fieldOptions,
  async run({ values, positionals, gateway, print }) {
    const body = { name: positionals[0], ...fieldsOf(values) };
    const made = await gateway().ask<ServiceAccount>({ method: 'POST', path, body });
    print(made, () => recordTable(made));
  },
});

export const list = remoteCommand({
  summary: 'Lists service accounts',
  help: `portcullis service-accounts list [--status active|disabled|deleted] [--search TEXT]

${listHelp}

Examples:
  portcullis service-accounts list
  portcullis service-accounts list --status disabled --all --output json`,
  options: { ...listOptions, status: { type: 'string' }, search: { type: 'string' } },
  async run({ values, gateway, output, print }) {
    const query = { status: values.status, q: values.search };
    const page = await gateway().list<ServiceAccount>(path, query, extentOf(values));
    const rows = page.items.map((each) => [each.id, each.name, each.status, [...each.roles, ...each.permissions]]);
    print(page, () => listTable(['ID', 'NAME', 'STATUS', 'HOLDS'], rows, 'No service accounts.'));
    sayIfMore(output, page.next_cursor);
  },
});

export const show = remoteCommand({
  summary: 'Shows one service account',
  help: `portcullis service-accounts show ID

Examples:
  portcullis service-accounts show ${example}
  portcullis api-keys list --owner ${example}`,
  takes: ['ID'],
  async run({ positionals, gateway, print }) {
    const found = await gateway().ask<ServiceAccount>({ method: 'GET', path: `${path}/${idOf(positionals[0], 'sa')}` });
    print(found, () => recordTable(found));
  },
});

export const update = remoteCommand({
  summary: 'Edits a service account: its name, its description, what it holds',
  help: `portcullis service-accounts update ID [--name N] [--description TEXT] [--role R…] [--permission P…]

What is not said stays; roles and permissions that are said take the place of all before. You must hold all that it holds, before and after.
By the time this answers every gateway judges its keys by it.

Examples:
  portcullis service-accounts update ${example} --role read
  portcullis service-accounts update ${example} --role "" --permission apikeys:view`,
  takes: ['ID'],
  options: { ...fieldOptions, name: { type: 'string' } },
  async run({ values, positionals, gateway, print }) {
    const body = { ...(values.name === undefined ? {} : { name: values.name }), ...fieldsOf(values) };
    if (Object.keys(body).length === 0) throw new UsageFault('Say what is to change.');
    const one = `${path}/${idOf(positionals[0], 'sa')}`;
    const changed = await gateway().ask<ServiceAccount>({ method: 'PATCH', path: one, body });
    const { enforcement, ...account } = changed;
    print(changed, () => `${recordTable(account)}${enforcement ? `\n\n${receiptLine(enforcement)}` : ''}`);
  },
});

export const disable = change('disable', {
  summary: 'Stops a service account and all its keys',
  says: 'By the time this answers every gateway refuses its keys.',
});

export const enable = change('enable', {
  summary: 'Lets a disabled service account work again',
  says: 'You must hold all that it holds.',
});

export const remove = change('delete', {
  summary: 'Deletes a service account and revokes its keys',
  says: 'For good: the records stay, to be read. By the time this answers every gateway refuses its keys.',
});

function change(verb: 'disable' | 'enable' | 'delete', { summary, says }: { summary: string; says: string }): Command {
  return remoteCommand({
    summary,
    help: `portcullis service-accounts ${verb} ID\n\n${says}\n\nExamples:\n  portcullis service-accounts ${verb} ${example}`,
    takes: ['ID'],
    async run({ positionals, gateway, print }) {
      const one = `${path}/${idOf(positionals[0], 'sa')}`;
      const question = verb === 'delete' ? { method: 'DELETE', path: one } : { method: 'POST', path: `${one}/${verb}` };
      const changed = await gateway().ask<ServiceAccount>(question);
      print(changed, () => `${changed.id} (${clean(changed.name)}) is ${verb}d. ${receiptLine(changed.enforcement)}`);
    },
  });
}
