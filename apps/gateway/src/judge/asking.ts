import { type RequestRecords } from '@portcullis/bus';
import { type Identity } from '../judgement.js';
import { type CachedRecord } from './records.js';

/** From where somebody asks; `anywhere`: for somebody else, whose place is unknown and does not matter. */
export interface Place {
  readonly clientIp: string;
  readonly anywhere: boolean;
}

export interface Asking extends Place {
  readonly organizationId: string | null;
  readonly records: RequestRecords<CachedRecord>;
  /** In which form a key's secret was presented; as a bearer key unless said. */
  readonly form?: 'bearer' | 'client_credentials';
}

export type PrincipalIdentity = Extract<Identity, { kind: 'principal' }>;
