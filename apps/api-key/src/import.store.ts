import { Injectable } from '@nestjs/common';
import { type Position } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ApiKeyEntity, KeySecretEntity } from './api-key.entity.js';
import { type NewKey, untouched } from './api-key.store.js';

export interface NewImportedKey {
  key: NewKey;
  secret: { id: string; sha256: string; foreignPrefix: string };
}

/** The SQL of keys that were made elsewhere. */
@Injectable()
export class ImportStore {
  constructor(private readonly database: Database) {}

  /** False: a digest is known already, to whomever. Nothing is written then, and the transaction is over. */
  async insert(tx: Transaction, imported: readonly NewImportedKey[]): Promise<boolean> {
    await tx.manager.insert(
      ApiKeyEntity,
      imported.map(({ key }) => ({ ...key, ...untouched, metadata: key.metadata as never })),
    );
    try {
      await tx.manager.insert(
        KeySecretEntity,
        imported.map(({ key, secret }) => ({
          ...secret,
          keyId: key.id,
          form: 'bearer' as const,
          lookup: null,
          accessKeyId: null,
          envelope: null,
          generation: 1,
          cut: false,
          createdAt: key.createdAt,
          expiresAt: null,
          lastUsedAt: null,
        })),
      );
    } catch (error) {
      if ((error as { driverError?: { constraint?: string } }).driverError?.constraint === 'key_secret_by_digest')
        return false;
      throw error;
    }
    return true;
  }

  /** Answers how many prefixes the organization has brought. */
  async addPrefixes(tx: Transaction, organizationId: string, prefixes: readonly string[]): Promise<number> {
    await tx.manager.query(
      `insert into foreign_prefix (prefix, organization_id, created_at)
       select prefix, $2, $3 from unnest($1::text[]) prefix order by prefix on conflict do nothing`,
      [prefixes, organizationId, this.database.now()],
    );
    const [row] = await tx.manager.query<{ count: number }[]>(
      'select count(*)::int as count from foreign_prefix where organization_id = $1',
      [organizationId],
    );
    return row?.count ?? 0;
  }

  /** All prefixes, and where that was read: one statement, one snapshot. */
  prefixes(): Promise<{ position: Position; prefixes: string[] }> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ history: string; seq: string; prefixes: string[] }[]>(
        `select position.history, position.seq,
                array(select prefix from foreign_prefix order by prefix) as prefixes
           from enforcement_position position`,
      );
      if (!row) throw new Error('enforcement_position has no row');
      return { position: { history: row.history, seq: Number(row.seq) }, prefixes: row.prefixes };
    });
  }
}
