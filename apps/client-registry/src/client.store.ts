import { Injectable } from '@nestjs/common';
import { type ClientRecord, type Position, type ResolvedClient } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

/** The public half of a key pair. */
export interface ClientKey {
  /** SHA-256 of the DER form, hex. */
  fingerprint: string;
  algorithm: ResolvedClient['keys'][number]['algorithm'];
  spki: Buffer;
}

export interface NewClient {
  id: string;
  organizationId: string;
  clientId: string;
  name: string;
  networks: readonly string[];
  roles: readonly string[];
  createdAt: Date;
  createdBy: string;
  disabledAt: Date | null;
  disabledBy: string | null;
}

export interface ClientFilter {
  organizationId: string;
  /** Only clients older than this one. */
  before?: string | undefined;
  status?: ClientRecord['status'] | undefined;
  role?: string | undefined;
  /** Part of the name, in any case. */
  q?: string | undefined;
}

/** The SQL of making and finding clients. */
@Injectable()
export class ClientStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Transaction, client: NewClient, key: ClientKey): Promise<void> {
    await tx.manager.query(
      `insert into client (id, organization_id, client_id, name, networks, roles, created_at, created_by, disabled_at, disabled_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        client.id,
        client.organizationId,
        client.clientId,
        client.name,
        client.networks,
        client.roles,
        client.createdAt,
        client.createdBy,
        client.disabledAt,
        client.disabledBy,
      ],
    );
    await insertKey(tx, client.id, key, client.createdAt);
  }

  /** Names of the organization's other live clients that have this key. */
  async alsoWith(tx: Transaction, organizationId: string, fingerprint: string, id: string): Promise<string[]> {
    const rows = await tx.manager.query<{ name: string }[]>(
      `select distinct client.name from client_key key join client on client.id = key.client_id
        where key.fingerprint = $1 and client.organization_id = $2 and client.id <> $3 and client.revoked_at is null
          and not key.cut and (key.expires_at is null or key.expires_at > $4)
        order by client.name limit 3`,
      [fingerprint, organizationId, id, this.database.now()],
    );
    return rows.map(({ name }) => name);
  }

  /** A client of the organization; another organization's is as good as none. */
  read(organizationId: string, id: string): Promise<ClientRecord | undefined> {
    return this.database.read((manager) => readRecord(manager, { organizationId, id }, this.database.now()));
  }

  /** Newest first, at most `limit`. */
  list(filter: ClientFilter, limit: number): Promise<ClientRecord[]> {
    const { organizationId, before, status, role, q } = filter;
    return this.database.read((manager) =>
      selectRecords(
        manager,
        `client.organization_id = $2 and ($3::text is null or client.id < $3)
          and ($4::text is null or $4 = case when client.revoked_at is not null then 'revoked'
                                             when client.disabled_at is not null then 'disabled' else 'active' end)
          and ($5::text is null or $5 = any(client.roles))
          and ($6::text is null or position(lower($6) in lower(client.name)) > 0)
        order by client.id desc limit $7`,
        [this.database.now(), organizationId, before ?? null, status ?? null, role ?? null, q ?? null, limit],
      ),
    );
  }

  /** The client by one of its unique names, and the position at which it was read: one statement, one snapshot. */
  async resolve(by: 'id' | 'client_id', value: string): Promise<{ position: Position; client: ResolvedClient | null }> {
    const [row] = await this.database.read((manager) =>
      manager.query<ResolvedRow[]>(
        `select position.history, position.seq, client.id, client.organization_id, client.client_id, client.roles,
                client.networks, client.disabled_at, client.revoked_at,
                (select json_agg(json_build_object('fingerprint', fingerprint, 'algorithm', algorithm,
                                                  'spki', translate(encode(spki, 'base64'), E'\\n', ''), 'expires_at', expires_at)
                                 order by generation desc)
                   from client_key where client_key.client_id = client.id and not cut and (expires_at is null or expires_at > $2)) as keys
           from enforcement_position position left join client on client.${by} = $1`,
        [value, this.database.now()],
      ),
    );
    if (!row) throw new Error('enforcement_position has no row');
    const position = { history: row.history, seq: Number(row.seq) };
    if (row.id === null) return { position, client: null };
    return {
      position,
      client: {
        id: row.id,
        organization_id: row.organization_id,
        client_id: row.client_id,
        roles: row.roles,
        networks: row.networks,
        status: statusOf(row),
        keys: (row.keys ?? []).map((key) => ({
          ...key,
          expires_at: time(key.expires_at === null ? null : new Date(key.expires_at)),
        })),
      },
    };
  }
}

export async function insertKey(tx: Transaction, clientId: string, key: ClientKey, createdAt: Date): Promise<void> {
  await tx.manager.query(
    `insert into client_key (client_id, fingerprint, algorithm, spki, created_at, generation)
     select $1, $2, $3, $4, $5, coalesce(max(generation), 0) + 1 from client_key where client_id = $1`,
    [clientId, key.fingerprint, key.algorithm, key.spki, createdAt],
  );
}

export async function readRecord(
  manager: EntityManager,
  { organizationId, id }: { organizationId: string; id: string },
  now: Date,
): Promise<ClientRecord | undefined> {
  const [record] = await selectRecords(manager, 'client.organization_id = $2 and client.id = $3', [
    now,
    organizationId,
    id,
  ]);
  return record;
}

/** @param where over `client`; its parameters begin at `$2`, since `$1` is now */
async function selectRecords(manager: EntityManager, where: string, parameters: unknown[]): Promise<ClientRecord[]> {
  const rows = await manager.query<ClientRow[]>(
    `select client.*,
            (select json_agg(json_build_object('fingerprint', fingerprint, 'algorithm', algorithm,
                                              'spki', translate(encode(spki, 'base64'), E'\\n', ''), 'created_at', created_at,
                                              'expires_at', expires_at, 'live', not cut and (expires_at is null or expires_at > $1))
                             order by generation desc)
               from client_key where client_key.client_id = client.id) as keys
       from client where ${where}`,
    parameters,
  );
  return rows.map(toRecord);
}

/** How many `layer1:role:*` roles there are. */
const rolesAvailable = 15;
const isCounted = (role: string): boolean => role.startsWith('layer1:role:');
/** Of the base64 form, from either end: all keys of one kind begin alike, and RSA keys end alike as well. */
const previewCharacters = 16;

interface ResolvedRow {
  history: string;
  seq: string;
  id: string | null;
  organization_id: string;
  client_id: string;
  roles: string[];
  networks: string[];
  disabled_at: Date | null;
  revoked_at: Date | null;
  keys: { fingerprint: string; algorithm: ClientKey['algorithm']; spki: string; expires_at: string | null }[] | null;
}

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
  change_enforced_at: Date | null;
  last_used_at: Date | null;
  last_used_ip: string | null;
  last_used_user_agent: string | null;
  /** The newest first. */
  keys: StoredKey[];
}

interface StoredKey {
  fingerprint: string;
  algorithm: string;
  spki: string;
  created_at: string;
  expires_at: string | null;
  live: boolean;
}

function toRecord(row: ClientRow): ClientRecord {
  const [newest] = row.keys;
  if (!newest) throw new Error(`client ${row.id} has no key`);
  return {
    id: row.id,
    account_id: row.organization_id,
    client_id: row.client_id,
    name: row.name,
    enabled: row.disabled_at === null,
    status: statusOf(row),
    public_key: shownKey(newest),
    public_keys: row.keys
      .filter(({ live }) => live)
      .map((key) => ({
        ...shownKey(key),
        created_at: new Date(key.created_at).toISOString(),
        expires_at: time(key.expires_at === null ? null : new Date(key.expires_at)),
      })),
    networks: row.networks,
    roles: row.roles,
    role_count: `${row.roles.filter(isCounted).length} of ${rolesAvailable}`,
    roles_available: rolesAvailable,
    created_at: row.created_at.toISOString(),
    created_by: row.created_by,
    revoked_at: time(row.revoked_at),
    revoked_by: row.revoked_by,
    enforced_at: time(row.revoked_at === null ? row.change_enforced_at : row.enforced_at),
    rotated_at: time(row.rotated_at),
    last_used_at: time(row.last_used_at),
    last_used_ip: row.last_used_ip,
    last_used_user_agent: row.last_used_user_agent,
  };
}

const shownKey = ({ fingerprint, algorithm, spki }: StoredKey) => ({
  fingerprint,
  algorithm,
  preview: `${spki.slice(0, previewCharacters)}…${spki.slice(-previewCharacters)}`,
});

const statusOf = (row: { revoked_at: Date | null; disabled_at: Date | null }): ClientRecord['status'] =>
  row.revoked_at !== null ? 'revoked' : row.disabled_at !== null ? 'disabled' : 'active';

const time = (date: Date | null): string | null => date?.toISOString() ?? null;
