import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { eventOrigin, type AuthenticatedCaller, type LogKeyRecord } from '@portcullis/contracts';
import { exportPkcs8, type KeyEncryption } from '@portcullis/credentials';
import { type NoteSigner, noteSigner, noteVerifier, type TrustedLog } from '@portcullis/merkle-log';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';
import { type LogStore, type StoredLogKey } from './log.store.js';

export interface LogKeyOptions {
  readonly encryption: KeyEncryption;
  /** After this a key is followed by another. */
  readonly days: number;
}

const dayMilliseconds = 86_400_000;

/**
 * The Ed25519 keys of the log. One signs; those that have signed stay known by their verifier keys for ever, and lose their private
 * halves. Private halves are encrypted at rest and in no message.
 */
export class LogKeys {
  private readonly signers = new Map<string, NoteSigner>();

  constructor(
    private readonly database: Database,
    private readonly store: LogStore,
    private readonly options: LogKeyOptions,
  ) {}

  /** The key of the head, which is locked: what another replica rotated away signs no more. */
  async signer(manager: EntityManager, id: string): Promise<NoteSigner> {
    const known = this.signers.get(id);
    if (known) return known;
    const key = await this.store.key(manager, id);
    if (!key?.privateKey) throw new Error(`the log key ${id} has no private half`);
    const { name } = noteVerifier(key.verifierKey);
    const der = this.options.encryption.decrypt(key.privateKey, context(id));
    const signer = noteSigner(name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    if (signer.verifierKey !== key.verifierKey) throw new Error(`the log key ${id} is not that of its verifier key`);
    this.signers.clear();
    this.signers.set(id, signer);
    return signer;
  }

  /** Who is believed about the log: all keys that ever signed under its name. */
  async trusted(origin: string, manager?: EntityManager): Promise<TrustedLog> {
    const keys = await this.store.keys(manager);
    return { origin, keys: keys.map(({ verifierKey }) => noteVerifier(verifierKey)) };
  }

  async list(): Promise<LogKeyRecord[]> {
    return (await this.store.keys()).map(toRecord);
  }

  /**
   * Makes a key if there is none of this name, or if the one that signs has had its time. To be called under the log's lock. Answers the
   * id of the one that signs.
   */
  async ensure(tx: Transaction, origin: string): Promise<string> {
    const now = this.database.now();
    const current = (await this.store.keys(tx.manager)).find((key) => key.retiredAt === null);
    if (!current) return (await this.make(tx, origin)).id;
    const isOld = now.getTime() - current.createdAt.getTime() > this.options.days * dayMilliseconds;
    if (isOld || noteVerifier(current.verifierKey).name !== origin) return (await this.replace(tx, origin, current)).id;
    // Under a key-encryption key that is about to go: wrapped anew, so that the old one can be dropped.
    if (current.privateKey === null || this.options.encryption.isCurrent(current.privateKey)) return current.id;
    const plain = this.options.encryption.decrypt(current.privateKey, context(current.id));
    await this.store.rewrapKey(tx.manager, current.id, this.options.encryption.encrypt(plain, context(current.id)));
    return current.id;
  }

  /** Another key signs from now on. To be called under the log's lock. */
  async rotate(tx: Transaction, origin: string, caller: AuthenticatedCaller): Promise<LogKeyRecord> {
    const current = (await this.store.keys(tx.manager)).find((key) => key.retiredAt === null);
    return toRecord(await this.replace(tx, origin, current, caller));
  }

  private async replace(
    tx: Transaction,
    origin: string,
    current: StoredLogKey | undefined,
    caller?: AuthenticatedCaller,
  ): Promise<StoredLogKey> {
    if (current) {
      await this.store.retireKey(tx.manager, current.id, this.database.now());
      await tx.owe({
        organization_id: null,
        action: 'log-key.retired',
        resource: { kind: 'log-key', id: current.id },
        ...(caller ? eventOrigin(caller) : {}),
      });
    }
    return this.make(tx, origin, caller);
  }

  private async make(tx: Transaction, origin: string, caller?: AuthenticatedCaller): Promise<StoredLogKey> {
    const { privateKey } = generateKeyPairSync('ed25519');
    const { id, verifierKey } = noteSigner(origin, privateKey);
    const key: StoredLogKey = {
      id,
      verifierKey,
      privateKey: this.options.encryption.encrypt(exportPkcs8(privateKey), context(id)),
      createdAt: this.database.now(),
      retiredAt: null,
    };
    await this.store.addKey(tx.manager, key);
    await tx.owe({
      organization_id: null,
      action: 'log-key.created',
      resource: { kind: 'log-key', id },
      details: { verifier_key: verifierKey },
      ...(caller ? eventOrigin(caller) : {}),
    });
    return key;
  }
}

const toRecord = ({ id, verifierKey, createdAt, retiredAt }: StoredLogKey): LogKeyRecord => ({
  id,
  verifier_key: verifierKey,
  status: retiredAt === null ? 'signing' : 'retired',
  created_at: createdAt.toISOString(),
  retired_at: retiredAt?.toISOString() ?? null,
});

/** A row whose encrypted half was swapped with another's does not decrypt. */
const context = (id: string): string => `log-key ${id}`;
