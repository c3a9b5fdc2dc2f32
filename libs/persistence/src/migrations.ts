import { readdirSync, readFileSync } from 'node:fs';
import { type DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';

const fileName = /^(\d{13})-([a-z0-9-]+)\.sql$/;

/** Migrations as TypeORM runs them, from the `<13 digits>-<name>.sql` files of a directory. There is no way down: expand, then contract. */
export function migrationsFrom(directory: URL): MigrationInterface[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const [, timestamp, name] = fileName.exec(file) ?? [];
      if (!timestamp || !name) throw new Error(`${file} is not named <13 digits>-<name>.sql`);
      const sql = readFileSync(new URL(file, directory), 'utf8');
      return {
        name: `${name}-${timestamp}`,
        up: (runner: QueryRunner) => runner.query(sql),
        down: () => Promise.reject(new Error(`${file} has no way down`)),
      };
    });
}

/** Brings the schema up to date. Replicas that start together wait for one another on an advisory lock. */
export async function migrate(source: DataSource, schema: string): Promise<void> {
  const lock = source.createQueryRunner();
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock(hashtext($1))', [`portcullis:migrate:${schema}`]);
    await source.runMigrations({ transaction: 'each' });
  } finally {
    await lock.query('select pg_advisory_unlock_all()').catch(() => undefined);
    await lock.release();
  }
}
