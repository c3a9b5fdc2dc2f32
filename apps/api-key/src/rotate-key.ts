import { Inject, Injectable } from '@nestjs/common';
import { ApiKey, type AuthenticatedCaller, newId, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { mintApiKey, mintClientCredentials, seal } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { type NewSecret } from './api-key.store.js';
import { ChangeKey } from './change-key.js';
import { demandHolds } from './grant-rules.js';
import { KEY_PREFIX } from './issue-key.js';

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
    @Inject(KEY_PREFIX) private readonly prefix: string,
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
        const bearer = record.forms.includes('bearer') ? mintApiKey(this.prefix) : undefined;
        const client = record.forms.includes('client_credentials') ? mintClientCredentials() : undefined;
        const add: NewSecret[] = [];
        if (bearer) {
          add.push({ id: newId('sec', now), form: 'bearer', lookup: bearer.lookup, sha256: bearer.sha256 });
        }
        if (client) {
          add.push({ id: newId('sec', now), form: 'client_credentials', lookup: null, sha256: client.sha256 });
        }
        const ends = new Date(now.getTime() + overlapSeconds * 1000);
        const sealed = (secret: { reveal(): string }) => ({
          sealed: seal(caller.reply_key, secret.reveal(), ApiKey.rotate.subject),
        });
        return {
          columns: bearer ? { keyPrefix: `${this.prefix}_${bearer.lookup}` } : {},
          secrets: { add, others: { at: ends, cut: overlapSeconds === 0 } },
          effect: overlapSeconds === 0 ? 'drop' : 'refresh',
          event: {
            action: 'api-key.rotated',
            details: { overlap_seconds: overlapSeconds, forms: record.forms, old_secrets_end_at: ends.toISOString() },
          },
          shown: {
            credentials: {
              ...(bearer ? { bearer_token: sealed(bearer.text) } : {}),
              ...(client && record.client_id !== null
                ? { client_id: record.client_id, client_secret: sealed(client.clientSecret) }
                : {}),
            },
          },
        };
      },
      ({ credentials: { client_id } }) => ({
        credentials: { ...(client_id === undefined ? {} : { client_id }), secret_already_shown: true },
      }),
    );
  }
}
