import { Injectable } from '@nestjs/common';
import { type ClientRecord } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';

/** The only file that knows the tables. */
@Injectable()
export class ClientStore {
  constructor(private readonly database: Database) {}

  /** The organization's clients, newest first, at most `limit`, older than `before`. */
  list(organizationId: string, before: string | undefined, limit: number): Promise<ClientRecord[]> {
    return this.database.read(async (manager) => {
      const rows = await manager.query<ClientRow[]>(
        `select client.*, key.fingerprint, key.algorithm, encode(key.spki, 'base64') as spki
           from client
           join lateral (select * from client_key where client_key.client_id = client.id
                          order by created_at desc, fingerprint limit 1) key on true
          where organization_id = $1 and ($2::text is null or client.id < $2)
          order by client.id desc limit $3`,
        [organizationId, before ?? null, limit],
      );
      return rows.map(toRecord);
    });
  }
}

/** How many `layer1:role:*` roles there are. */
const rolesAvailable = 15;
/** Of the base64 form, from either end: all keys of one kind begin alike, and RSA keys end alike as well. */
const previewCharacters = 16;

interface ClientRow {
  id: string;
  organization_id: string;
  client_id: string;
  name: string;
  networks: string[];
  roles: string[];
  created_at: Date;
  created_by: string;
  disabled_at: Date | null;
  rotated_at: Date | null;
  revoked_at: Date | null;
  revoked_by: string | null;
  enforced_at: Date | null;
  last_used_at: Date | null;
  last_used_ip: string | null;
  last_used_user_agent: string | null;
  fingerprint: string;
  algorithm: string;
  spki: string;
}

function toRecord(row: ClientRow): ClientRecord {
  const enabled = row.disabled_at === null;
  return {
    id: row.id,
    account_id: row.organization_id,
    client_id: row.client_id,
    name: row.name,
    enabled,
    status: row.revoked_at !== null ? 'revoked' : enabled ? 'active' : 'disabled',
    public_key: {
      fingerprint: row.fingerprint,
      algorithm: row.algorithm,
      preview: preview(row.spki),
    },
    networks: row.networks,
    roles: row.roles,
    role_count: `${row.roles.length} of ${rolesAvailable}`,
    roles_available: rolesAvailable,
    created_at: row.created_at.toISOString(),
    created_by: row.created_by,
    revoked_at: time(row.revoked_at),
    revoked_by: row.revoked_by,
    enforced_at: time(row.enforced_at),
    rotated_at: time(row.rotated_at),
    last_used_at: time(row.last_used_at),
    last_used_ip: row.last_used_ip,
    last_used_user_agent: row.last_used_user_agent,
  };
}

/** `encode` of Postgres breaks base64 into lines of 76. */
function preview(spki: string): string {
  const line = spki.replaceAll('\n', '');
  return `${line.slice(0, previewCharacters)}…${line.slice(-previewCharacters)}`;
}

const time = (date: Date | null): string | null => date?.toISOString() ?? null;
