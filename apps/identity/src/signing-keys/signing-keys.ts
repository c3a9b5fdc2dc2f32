import { type KeyObject } from 'node:crypto';
import { type Companion } from '@portcullis/bus';
import { VerificationKey } from '@portcullis/contracts';
import {
  exportPkcs8,
  generateSigningKey,
  importPkcs8,
  type KeyEncryption,
  type SigningKey,
} from '@portcullis/credentials';
import { type Database } from '@portcullis/persistence';
import { isPublished, type KeyTerm, nextTerm, type Rotation, signingAt } from './key-schedule.js';
import { SigningKeyStore } from './signing-key.store.js';

const checkMilliseconds = 60_000;
const askAgainMilliseconds = 1_000;

/**
 * The installation's ES256 keys. One signs at a time; the next is made and published before it is needed; one that has
 * signed stays published until nothing that it signed can be valid. Private halves are encrypted at rest and in no message.
 */
export class SigningKeys implements Companion {
  private readonly store: SigningKeyStore;
  private keys: (SigningKey & KeyTerm)[] = [];
  private readAtMilliseconds = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly encryption: KeyEncryption,
    private readonly rotation: Rotation,
    private readonly report: (line: string) => void = () => undefined,
  ) {
    this.store = new SigningKeyStore(database);
  }

  start(): void {
    this.timer = setInterval(
      () => void this.rotate().catch((error: unknown) => this.report(`signing keys: ${String(error)}`)),
      checkMilliseconds,
    );
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** The key that signs now. */
  async current(): Promise<SigningKey> {
    // Another replica may have revoked the one that is known here.
    if (performance.now() - this.readAtMilliseconds > askAgainMilliseconds) await this.read();
    const now = this.database.now();
    const known = signingAt(this.keys, now);
    if (known) return known;
    await this.rotate();
    const made = signingAt(this.keys, now);
    if (!made) throw new Error('There is no signing key, not even after making one');
    return made;
  }

  /** The public half of a key that is published, for tokens that come back here. Another replica may have just made or revoked it. */
  async find(kid: string): Promise<KeyObject | undefined> {
    // Of a key that is known it must be asked each time whether it still is; of one that is not, now and then.
    if (this.known(kid) || performance.now() - this.readAtMilliseconds > askAgainMilliseconds) await this.read();
    return this.known(kid)?.publicKey;
  }

  /** What verifies access tokens now and until the next rotation. */
  async published(): Promise<VerificationKey[]> {
    const now = this.database.now();
    const keys = await this.store.list();
    return keys.filter((key) => isPublished(key, now, this.rotation)).map((key) => key.publicJwk);
  }

  /** Makes the next key when it is time and retires those that nobody needs. Replicas that do so at once make one key. */
  async rotate(): Promise<void> {
    const now = this.database.now();
    await this.store.exclusively(async (tx, keys) => {
      const term = nextTerm(keys, now, this.rotation);
      if (term) {
        const key = generateSigningKey();
        await this.store.insert(
          tx,
          {
            ...term,
            kid: key.kid,
            publicJwk: VerificationKey.parse(key.publicJwk),
            privateKey: this.encryption.encrypt(exportPkcs8(key.privateKey), context(key.kid)),
          },
          now,
        );
        await tx.owe({
          organization_id: null,
          action: 'signing-key.created',
          resource: { kind: 'signing-key', id: key.kid },
          details: { signs_from: term.signsFrom.toISOString(), retires_at: term.retiresAt.toISOString() },
        });
      }
      for (const { kid, privateKey } of keys) {
        // Under a key-encryption key that is about to go: wrapped anew, so that the old one can be dropped.
        const wrapped = privateKey === null ? null : this.encryption.rewrap(privateKey, context(kid));
        if (wrapped !== null) await this.store.rewrap(tx, kid, wrapped);
      }
      for (const key of keys.filter((each) => !isPublished(each, now, this.rotation))) {
        await this.store.retire(tx, key.kid, now);
        await tx.owe({
          organization_id: null,
          action: 'signing-key.retired',
          resource: { kind: 'signing-key', id: key.kid },
        });
      }
    });
    await this.read();
  }

  private known(kid: string): SigningKey | undefined {
    return this.keys.find((key) => key.kid === kid);
  }

  private async read(): Promise<void> {
    const stored = await this.store.list();
    this.keys = stored.flatMap((key) => {
      const known = this.keys.find((each) => each.kid === key.kid);
      if (known) return [known];
      if (key.privateKey === null) return [];
      const opened = importPkcs8(this.encryption.decrypt(key.privateKey, context(key.kid)));
      return [{ ...opened, signsFrom: key.signsFrom, retiresAt: key.retiresAt }];
    });
    this.readAtMilliseconds = performance.now();
  }
}

/** A row whose encrypted half was swapped with another's does not decrypt. */
const context = (kid: string): string => `signing-key ${kid}`;
