import { type EnforcementReceipt } from '@portcullis/contracts';
import { sha256Hex } from '@portcullis/credentials';
import { parse } from 'yaml';
import { Refused } from '../command.js';
import { textOf } from '../remote/input.js';
import { remoteCommand } from '../remote/remote-command.js';
import { listTable, receiptLine } from '../remote/tables.js';

interface ImportedKeys {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly enforcement?: EnforcementReceipt | null;
}

const maxBytes = 16 * 1_048_576;

export const importKeys = remoteCommand({
  summary: 'Takes over keys that were made elsewhere, by their SHA-256',
  help: `portcullis api-keys import FILE [--idempotency-key K]

FILE ("-": standard input) is JSON or YAML: a list of keys, or {"keys": […]}, at most 1,000, taken all or none. Each has the
fields of api-keys create, and
  prefix    4 to 16 characters that every key of that kind starts with
  sha256    64 lower-case hex digits, over the whole key as it is presented
  key       instead of sha256, the key itself: it is hashed here, and only the digest is sent

Examples:
  portcullis api-keys import keys.yaml
  keys.yaml:
    - { name: billing, prefix: acme_live_, sha256: 9f86d081884c7d65…, roles: [read], expires_in_days: 90 }`,
  takes: ['FILE'],
  options: { 'idempotency-key': { type: 'string' } },
  async run({ values, positionals, gateway, print }) {
    const at = gateway();
    const keys = keysOf(await textOf(positionals[0] ?? '-', { maxBytes, what: 'The list of keys' }));
    const done = await at.ask<ImportedKeys>({
      method: 'POST',
      path: '/v1/api-keys/import',
      body: { keys },
      idempotencyKey: values['idempotency-key'],
    });
    print(done, () => {
      const rows = done.items.map((item) => [
        item['id'],
        item['name'],
        item['key_prefix'],
        item['expires_at'] ?? 'never',
      ]);
      return `${listTable(['ID', 'NAME', 'PREFIX', 'EXPIRES'], rows, 'Nothing was taken over.')}\n\n${receiptLine(done.enforcement)}`;
    });
  },
});

/** Nothing of the text is repeated in a refusal: whole keys may stand in it. */
function keysOf(text: string): object[] {
  let read: unknown;
  try {
    read = parse(text);
  } catch {
    throw new Refused('The list of keys is neither JSON nor YAML.');
  }
  const keys: unknown = Array.isArray(read) ? read : (read as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Refused('The list of keys is a list, or {"keys": […]}.');
  return keys.map((entry: unknown, at) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
      throw new Refused(`Entry ${at + 1} of the list is no key with fields.`);
    const { key, ...rest } = entry as Record<string, unknown>;
    if (key === undefined) return rest;
    if (typeof key !== 'string' || 'sha256' in rest)
      throw new Refused(`Entry ${at + 1} of the list: "key" is the key as text, and stands instead of "sha256".`);
    return { ...rest, sha256: sha256Hex(key) };
  });
}
