import { Injectable } from '@nestjs/common';
import { newId } from '@portcullis/contracts';
import { Secret, signJwt, type SigningKey } from '@portcullis/credentials';
import { Database, type Transaction } from '@portcullis/persistence';
import { SigningKeys } from '../signing-keys/signing-keys.js';
import { type Family, FamilyStore } from './family.store.js';
import {
  accessClaims,
  accessType,
  type Holder,
  type PairTimes,
  pairTimes,
  refreshClaims,
  refreshType,
  TokenSettings,
} from './token-pair.js';

export interface IssuedPair {
  accessJti: string;
  refreshJti: string;
  accessToken: Secret;
  refreshToken: Secret;
  times: PairTimes;
}

/** Signs a pair and writes that it exists, within the transaction of whatever it is issued for. */
@Injectable()
export class IssuePair {
  constructor(
    private readonly database: Database,
    private readonly signingKeys: SigningKeys,
    private readonly families: FamilyStore,
    private readonly settings: TokenSettings,
  ) {}

  /** Fetched before the transaction: making a first key takes one of its own. */
  signingKey(): Promise<SigningKey> {
    return this.signingKeys.current();
  }

  /** When a family that begins now ends. */
  familyEnd(now: Date): Date {
    return new Date(now.getTime() + this.settings.familySeconds * 1000);
  }

  /** Undefined if nothing would be left of the access token's life: its key ends this very second. */
  async execute(
    tx: Transaction,
    key: SigningKey,
    family: Pick<Family, 'id' | 'endsAt'> & Partial<Pick<Family, 'inBrowser'>>,
    holder: Holder,
  ): Promise<IssuedPair | undefined> {
    const now = this.database.now();
    const times = pairTimes(this.settings, now, earlier(family.endsAt, holder.endsAt), family);
    if (times.accessExpires <= times.issuedAt) return undefined;
    const accessJti = newId('tok', now);
    const refreshJti = newId('tok', now);
    await this.families.insertPair(
      tx,
      family.id,
      {
        refreshJti,
        accessJti,
        accessExpiresAt: instant(times.accessExpires),
        notBefore: instant(times.refreshNotBefore),
        expiresAt: instant(times.refreshExpires),
      },
      now,
    );
    const { kid, privateKey } = key;
    const access = accessClaims(this.settings, { familyId: family.id, jti: accessJti }, holder, times);
    const refresh = refreshClaims(this.settings, { familyId: family.id, jti: refreshJti }, holder.sub, times);
    return {
      accessJti,
      refreshJti,
      accessToken: Secret.of(signJwt({ key: privateKey, kid, typ: accessType, claims: access })),
      refreshToken: Secret.of(signJwt({ key: privateKey, kid, typ: refreshType, claims: refresh })),
      times,
    };
  }
}

const instant = (seconds: number): Date => new Date(seconds * 1000);

const earlier = (a: Date, b: Date | null): Date => (b && b < a ? b : a);
