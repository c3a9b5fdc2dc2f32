import { type ClientRecord } from '@portcullis/contracts';
import { cell, clean, listTable, recordTable } from '../remote/tables.js';

/** A client for people: a line a field, then its keys. */
export function clientTable(client: ClientRecord): string {
  const { public_keys: keys, public_key: newest, ...fields } = client;
  const rows = keys.map(({ algorithm, fingerprint, preview, created_at, expires_at }) => [
    algorithm,
    fingerprint,
    preview,
    created_at,
    expires_at ?? 'never',
  ]);
  const record = recordTable({ ...fields, public_key: newest.fingerprint }, [
    'roles_available',
    'enforcement',
    'warnings',
  ]);
  return `${record}\n\n${listTable(['KEY', 'FINGERPRINT', 'PREVIEW', 'MADE', 'ENDS'], rows, 'No key of it is good.')}`;
}

/** What is allowed and hardly meant, a line each. */
export function warningLines(warnings: readonly string[]): string {
  return warnings.map((warning) => `\n\nWarning: ${clean(warning)}`).join('');
}

export const nameOf = ({ id, name }: ClientRecord): string => `${id} (${cell(name)})`;
