import { type SigningKeyRecord, type VerificationKey } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';
import { type KeyTerm } from './key-schedule.js';

export interface StoredSigningKey extends KeyTerm {
  kid: string;
  publicJwk: VerificationKey;
  /** Encrypted PKCS#8; null once the key has been retired. */
  privateKey: string | null;
}

/** A key as it is on record. */
export interface RecordedSigningKey extends KeyTerm {
  kid: string;
  createdAt: Date;
  retiredAt: Date | null;
  revokedAt: Date | null;
  revokedBy: string | null;
  /** The marker of its revocation. */
  seq: number | null;
  enforcedAt: Date | null;
  /** Where it stands in the list. */
  place: string;
}

export class SigningKeyStore {
  constructor(private readonly database: Database) {}

  /** Keys that are not retired. */
  list(): Promise<StoredSigningKey[]> {
    return this.database.read((manager) => select(manager));
  }

  /** Of all that there ever were, the newest first, at most `limit`, behind `before`. */
  page(before: string | undefined, limit: number): Promise<RecordedSigningKey[]> {
    return this.database.read((manager) =>
      manager.query<RecordedSigningKey[]>(
        `${selectRecorded} where ($1::text is null or ${place} < $1) order by ${place} desc limit $2`,
        [before ?? null, limit],
      ),
    );
  }

  async find(kid: string, tx?: Transaction): Promise<RecordedSigningKey | undefined> {
    const select = (manager: EntityManager) =>
      manager.query<RecordedSigningKey[]>(`${selectRecorded} where kid = $1`, [kid]);
    const [key] = await (tx ? select(tx.manager) : this.database.read(select));
    return key;
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

  /** It signs no more and is published no more. The row stays as a record; the private half goes. */
  async revoke(tx: Transaction, kid: string, { by, seq, now }: { by: string; seq: number; now: Date }): Promise<void> {
    await tx.manager.query(
      `update signing_key set private_key = null, retires_at = least(retires_at, $2), retired_at = $2, revoked_at = $2,
              revoked_by = $3, seq = $4 where kid = $1`,
      [kid, now, by, seq],
    );
  }

  /** The row stays as a record; the private half goes. */
  async retire(tx: Transaction, kid: string, now: Date): Promise<void> {
    await tx.manager.query('update signing_key set private_key = null, retired_at = $2 where kid = $1', [kid, now]);
  }
}

export function toSigningKeyRecord(
  key: RecordedSigningKey,
  { signing, now }: { signing: string | undefined; now: Date },
): SigningKeyRecord {
  return {
    kid: key.kid,
    status: statusOf(key, signing, now),
    created_at: key.createdAt.toISOString(),
    signs_from: key.signsFrom.toISOString(),
    retires_at: key.retiresAt.toISOString(),
    revoked_at: key.revokedAt?.toISOString() ?? null,
    revoked_by: key.revokedBy,
    enforced_at: key.enforcedAt?.toISOString() ?? null,
  };
}

function statusOf(key: RecordedSigningKey, signing: string | undefined, now: Date): SigningKeyRecord['status'] {
  if (key.revokedAt !== null) return 'revoked';
  if (key.retiredAt !== null) return 'retired';
  if (key.kid === signing) return 'signing';
  return now < key.signsFrom ? 'upcoming' : 'published';
}

/** In the order of their making. */
const place = `to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS') || kid`;

const selectRecorded = `select kid, created_at as "createdAt", signs_from as "signsFrom", retires_at as "retiresAt",
  retired_at as "retiredAt", revoked_at as "revokedAt", revoked_by as "revokedBy", seq::float8 as seq,
  enforced_at as "enforcedAt", ${place} as place from signing_key`;

async function select(manager: EntityManager): Promise<StoredSigningKey[]> {
  return manager.query<StoredSigningKey[]>(
    `select kid, public_jwk as "publicJwk", private_key as "privateKey", signs_from as "signsFrom", retires_at as "retiresAt"
       from signing_key where retired_at is null order by signs_from`,
  );
}
