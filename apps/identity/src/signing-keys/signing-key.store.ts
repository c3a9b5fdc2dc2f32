import { type VerificationKey } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';
import { type KeyTerm } from './key-schedule.js';

export interface StoredSigningKey extends KeyTerm {
  kid: string;
  publicJwk: VerificationKey;
  /** Encrypted PKCS#8; null once the key has been retired. */
  privateKey: string | null;
}

export class SigningKeyStore {
  constructor(private readonly database: Database) {}

  /** Keys that are not retired. */
  list(): Promise<StoredSigningKey[]> {
    return this.database.read((manager) => select(manager));
  }

  /** Runs `work` in a transaction that no other replica's rotation overlaps. */
  exclusively<T>(work: (tx: Transaction, keys: StoredSigningKey[]) => Promise<T>): Promise<T> {
    return this.database.transaction(async (tx) => {
      await tx.manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', ['identity:signing-keys']);
      return work(tx, await select(tx.manager));
    });
  }

  async insert(tx: Transaction, key: StoredSigningKey, createdAt: Date): Promise<void> {
    await tx.manager.query(
      `insert into signing_key (kid, public_jwk, private_key, created_at, signs_from, retires_at) values ($1, $2, $3, $4, $5, $6)`,
      [key.kid, key.publicJwk, key.privateKey, createdAt, key.signsFrom, key.retiresAt],
    );
  }

  async rewrap(tx: Transaction, kid: string, privateKey: string): Promise<void> {
    await tx.manager.query('update signing_key set private_key = $2 where kid = $1', [kid, privateKey]);
  }

  /** The row stays as a record; the private half goes. */
  async retire(tx: Transaction, kid: string, now: Date): Promise<void> {
    await tx.manager.query('update signing_key set private_key = null, retired_at = $2 where kid = $1', [kid, now]);
  }
}

async function select(manager: EntityManager): Promise<StoredSigningKey[]> {
  return manager.query<StoredSigningKey[]>(
    `select kid, public_jwk as "publicJwk", private_key as "privateKey", signs_from as "signsFrom", retires_at as "retiresAt"
       from signing_key where retired_at is null order by signs_from`,
  );
}
