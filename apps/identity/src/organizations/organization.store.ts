import { type Database, type Transaction } from '@portcullis/persistence';

export class OrganizationStore {
  constructor(private readonly database: Database) {}

  /** The organization that the installation began with. */
  async firstId(): Promise<string | undefined> {
    const [row] = await this.database.read((manager) =>
      manager.query<{ id: string }[]>('select id from organization where first'),
    );
    return row?.id;
  }

  async insert(
    tx: Transaction,
    organization: { id: string; name: string; first: boolean; createdAt: Date },
  ): Promise<void> {
    await tx.manager.query(
      `insert into organization (id, name, status, first, created_at) values ($1, $2, 'active', $3, $4)`,
      [organization.id, organization.name, organization.first, organization.createdAt],
    );
  }
}
