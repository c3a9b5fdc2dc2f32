import { type Lattice } from '@portcullis/authz';
import { NetworkList } from '@portcullis/credentials';
import { type Attachment, type Enforcer, type Instant, type Subject, type Tag } from '@portcullis/enforcement';
import { type Identity } from '../judgement.js';
import { type PrincipalIdentity } from './asking.js';
import { type Holding, Holdings } from './holding.js';
import { type CachedRecord, type Stop } from './records.js';

export interface GroundsOptions {
  readonly enforcer: Enforcer<CachedRecord>;
  /** Both clocks, freshly read: `link.now`. */
  readonly now: () => Instant;
  /** The policy's lattice, as it is at the moment of asking. */
  readonly lattice: () => Lattice;
}

/**
 * What a verdict on any credential rests on: the policy's roles, both clocks, markers and leases. It keeps in mind on what each
 * principal's verdict rested, so that what lives on after it can be tied to the same.
 */
export class Grounds {
  readonly holdings = new Holdings();
  readonly #subjects = new WeakMap<Identity, Subject>();
  readonly #networks = new WeakMap<readonly string[], NetworkList>();

  constructor(private readonly options: GroundsOptions) {}

  lattice(): Lattice {
    return this.options.lattice();
  }

  now(): Instant {
    return this.options.now();
  }

  /** @param networks of a record: read once for as long as it is the same list */
  isWithin(networks: readonly string[], clientIp: string): boolean {
    let list = this.#networks.get(networks);
    if (!list) this.#networks.set(networks, (list = NetworkList.parse(networks)));
    return list.contains(clientIp);
  }

  /** Undefined: no marker names any of it, and the lease of every authority that could say so is held at this instant. */
  stopUnlessClear(subject: Subject): Stop | undefined {
    const judged = this.options.enforcer.judge(subject, this.options.now());
    if (judged.outcome === 'clear') return undefined;
    if (judged.outcome === 'blocked') return { stop: 'blocked', tag: judged.tag };
    return { stop: 'unavailable', why: `no lease from ${judged.authorities.join(', ')}` };
  }

  /** The verdict that somebody is known. @param subject what it rested on */
  principal(
    clientIp: string,
    { principal, grant }: Holding,
    subject: Subject,
    about: Partial<Pick<PrincipalIdentity, 'key' | 'secretId' | 'contentDigest' | 'keyFingerprint'>> = {},
  ): Identity {
    const identity: Identity = { kind: 'principal', principal, grant, clientIp, ...about };
    this.#subjects.set(identity, subject);
    return identity;
  }

  /** See `Judge.attach`. */
  attach(identity: Identity, close: () => void, more: readonly Tag[]): Attachment | undefined {
    const subject = this.#subjects.get(identity);
    if (!subject) return undefined;
    const tags = [...subject.tags, ...more];
    return this.options.enforcer.attach({ ...subject, tags }, close, this.options.now());
  }
}
