import { Injectable } from '@nestjs/common';
import { ApiKey, type AuthenticatedCaller, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { ChangeKey } from './change-key.js';
import { demandHolds } from './grant-rules.js';
import { MintSecrets, withoutSecrets } from './mint-secrets.js';

type Shown = Pick<ReplyOf<typeof ApiKey.rotate>, 'credentials'>;

/** Secrets of one form that are good at the same time. */
const mostLive = 5;

/**
 * New secrets for a key in every form that it has; an imported one gets one of ours. The old ones, and tokens that were got with
 * them, are good for the overlap and no longer: whoever found a secret must not live on in its tokens.
 */
@Injectable()
export class RotateKey {
  constructor(
    private readonly database: Database,
    private readonly policy: PolicyFile,
    private readonly changeKey: ChangeKey,
    private readonly mintSecrets: MintSecrets,
  ) {}

  execute(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof ApiKey.rotate>,
  ): Promise<ReplyOf<typeof ApiKey.rotate>> {
    const { overlap_seconds: overlapSeconds } = request;
    return this.changeKey.execute<Shown>(
      caller,
      { operation: ApiKey.rotate.subject, request },
      (key) => {
        const { record } = key;
        demandHolds(this.policy.current.lattice, caller, record);
        if (overlapSeconds > 0 && key.mostLive >= mostLive) {
          throw new Refusal(
            'conflict',
            `${mostLive} secrets of this key are good at the same time already. Wait until one ends, or rotate with overlap_seconds 0.`,
          );
        }
        const now = this.database.now();
        const { rows, keyPrefix, accessKeyId, credentials } = this.mintSecrets.execute(caller, ApiKey.rotate, {
          id: record.id,
          organizationId: record.organization_id,
          clientId: record.client_id,
          forms: record.forms,
          now,
        });
        const ends = new Date(now.getTime() + overlapSeconds * 1000);
        return {
          columns: {
            ...(keyPrefix === null ? {} : { keyPrefix }),
            ...(accessKeyId === null ? {} : { accessKeyId }),
          },
          secrets: { add: rows, others: { at: ends, cut: overlapSeconds === 0 } },
          effect: overlapSeconds === 0 ? 'drop' : 'refresh',
          onlyTakesAway: false, // there are new secrets
          event: {
            action: 'api-key.rotated',
            details: {
              overlap_seconds: overlapSeconds,
              forms: record.forms,
              ...(accessKeyId === null ? {} : { access_key_id: accessKeyId }),
              old_secrets_end_at: ends.toISOString(),
            },
          },
          shown: { credentials },
        };
      },
      ({ credentials }) => ({ credentials: withoutSecrets(credentials) }),
    );
  }
}
