import { EnvelopeRefused, type KeyEncryption } from '@portcullis/credentials';
import { type Database } from '@portcullis/persistence';
import { s3SecretContext } from './s3-form.js';
import { S3SecretStore } from './s3-secret.store.js';

const day = 86_400_000;

/**
 * Keeps S3 secrets only as long as they open something, and under the first key-encryption key: what is under an older one is wrapped
 * anew, so that the operator can drop that. Replicas that do so at once share the work. What they have come to is reported once.
 */
export class KeepEnvelopes {
  private readonly secrets: S3SecretStore;
  private said = '';

  constructor(
    private readonly database: Database,
    private readonly encryption: KeyEncryption,
    private readonly report: (line: string) => void,
    private readonly atOnce = 200,
  ) {
    this.secrets = new S3SecretStore(database);
  }

  async run(): Promise<void> {
    const longOver = new Date(this.database.now().getTime() - day);
    while ((await this.secrets.forgetEnded(longOver, this.atOnce)) === this.atOnce);
    let rewrapped = 0;
    let place: { after: string; rewrapped: number } | null = { after: '', rewrapped: 0 };
    while ((place = await this.rewrapSome(place.after))) rewrapped += place.rewrapped;
    this.tell(rewrapped, await this.secrets.countUnderOthers(this.encryption.currentKid));
  }

  /** Null: there are none behind `after`. One that cannot be opened stays as it is and is counted at the end. */
  private rewrapSome(after: string): Promise<{ after: string; rewrapped: number } | null> {
    return this.database.transaction(async (tx) => {
      const page = { after, limit: this.atOnce };
      const old = await this.secrets.underOthers(tx, this.encryption.currentKid, page);
      const last = old.at(-1);
      if (!last) return null;
      const fresh = old.flatMap((secret) => {
        const envelope = this.rewrap(secret.envelope, s3SecretContext(secret));
        return envelope === null ? [] : [{ id: secret.id, envelope }];
      });
      if (fresh.length > 0) await this.secrets.rewrap(tx, fresh);
      return { after: last.id, rewrapped: fresh.length };
    });
  }

  private rewrap(envelope: string, context: string): string | null {
    try {
      return this.encryption.rewrap(envelope, context);
    } catch (error) {
      if (error instanceof EnvelopeRefused) return null;
      throw error;
    }
  }

  private tell(rewrapped: number, left: number): void {
    const done =
      'all S3 secrets are under the first key of PORTCULLIS_KEY_ENCRYPTION_KEY: those behind it can go, as far as api-key is concerned';
    const state =
      left === 0
        ? done
        : `${left} S3 secrets are under a key that PORTCULLIS_KEY_ENCRYPTION_KEY does not list, or are in another replica's hand`;
    const line = rewrapped === 0 ? state : `${rewrapped} S3 secrets were encrypted anew; ${state}`;
    if (rewrapped > 0 || state !== this.said) this.report(line);
    this.said = state;
  }
}
