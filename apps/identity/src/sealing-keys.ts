import { type KeyObject } from 'node:crypto';
import { type Caller, Refusal, type Sealed } from '@portcullis/contracts';
import {
  type KeyEncryption,
  publicSealingJwk,
  seal,
  type SealingJwk,
  sealingKeyFrom,
  SealRefused,
  Secret,
  unseal,
} from '@portcullis/credentials';

/**
 * The keys to which gateways seal secrets for identity: derived from the key-encryption key, so that every replica opens
 * what was sealed to any of them, under the old key too while the configuration still lists it.
 */
export class SealingKeys {
  private readonly keys: readonly KeyObject[];
  /** What secrets are to be sealed to from now on. */
  readonly published: SealingJwk;

  constructor(encryption: KeyEncryption) {
    this.keys = encryption.deriveAll('identity sealing').map(sealingKeyFrom);
    this.published = publicSealingJwk(sealingKeyFrom(encryption.derive('identity sealing')));
  }

  /** The secret in a request. The context is the operation's subject. */
  open({ sealed }: Sealed, subject: string): Secret {
    let refused: unknown;
    for (const key of this.keys) {
      try {
        return Secret.of(unseal(key, sealed, subject));
      } catch (error) {
        if (!(error instanceof SealRefused)) throw error;
        refused = error;
      }
    }
    throw new Refusal('invalid_request', 'A secret in the request could not be opened.', { cause: refused });
  }
}

/** A secret of a reply, sealed to the process that asked. The context is the operation's subject. */
export function sealReply(caller: Caller, secret: Secret, subject: string): Sealed {
  return { sealed: seal(caller.reply_key, secret.reveal(), subject) };
}
