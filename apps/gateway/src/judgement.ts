import { type Grant } from '@portcullis/authz';
import { type Principal, type Refusal, type ResolvedKey } from '@portcullis/contracts';
import { type ContentDigest } from '@portcullis/credentials';
import { type Presented } from './credential/presented.js';

/** A request as it arrived, before its body is read. Nothing here has been decoded or joined: what is verified is what is used. */
export interface Arrival {
  readonly requestId: string;
  readonly method: string;
  /** The request target, raw. */
  readonly target: string;
  /** The normalised path (`normalisePath` in policy), without query. */
  readonly path: string;
  /** Name, value, name, value, as they came. */
  readonly rawHeaders: readonly string[];
  /** Address of the socket's other end. */
  readonly peer: string;
  /** What `rawHeaders` present, as the front door read them; whoever finds it missing reads them with `presented`. */
  readonly presented?: Presented;
}

/** Who asks, as found from the credential that the request presents. */
export type Identity =
  | { readonly kind: 'anonymous'; readonly clientIp: string }
  | {
      readonly kind: 'principal';
      readonly principal: Principal;
      /** What `principal` may do now: credential ∩ token ∩ owner. */
      readonly grant: Grant;
      readonly clientIp: string;
      /** The API key by which it acts, in whatever form of it: its limit counts, and its use is listed. */
      readonly key?: Pick<ResolvedKey, 'id' | 'organization_id' | 'rate_limit'> | undefined;
      /** The secret of that key which was presented, or by which the token was got, where that is known. */
      readonly secretId?: string | undefined;
      /** Of a signed request: what its body has to have. Nothing may act on the body before that is known. */
      readonly contentDigest?: ContentDigest | null | undefined;
      /** Of the key by which a machine client said who it is. */
      readonly keyFingerprint?: string | undefined;
    }
  | {
      readonly kind: 'refused';
      readonly clientIp: string;
      readonly refusal: Refusal;
      /** For the audit record alone: `wrong_secret`, `revoked`, `expired`, `unknown_key`, … */
      readonly reason: string;
      /** Whose credential it was, where that is known. */
      readonly organizationId: string | null;
      readonly credentialId: string | null;
    };
