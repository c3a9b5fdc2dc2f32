import { Injectable } from '@nestjs/common';
import { ApiKey, type AuthenticatedCaller, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { ChangeKey } from './change-key.js';
import { demandHolds } from './grant-rules.js';

/** Stops a key until it is enabled again. */
@Injectable()
export class DisableKey {
  constructor(
    private readonly database: Database,
    private readonly policy: PolicyFile,
    private readonly changeKey: ChangeKey,
  ) {}

  /** Needs one of two permissions: whoever may end a key may also stop it. */
  async disable(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof ApiKey.disable>,
  ): Promise<ReplyOf<typeof ApiKey.disable>> {
    const { permissions, id } = caller.principal;
    if (!permissions.includes('apikeys:manage') && !permissions.includes('apikeys:revoke')) {
      throw new Refusal('forbidden', 'This needs the permission apikeys:manage or apikeys:revoke.');
    }
    return this.changeKey.execute(caller, { operation: ApiKey.disable.subject, request }, ({ record }) =>
      record.status === 'disabled'
        ? { unchanged: 'confirm', shown: {} }
        : {
            columns: { disabledAt: this.database.now(), disabledBy: id },
            effect: 'drop',
            onlyTakesAway: true,
            event: { action: 'api-key.disabled' },
            shown: {},
          },
    );
  }

  enable(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof ApiKey.enable>,
  ): Promise<ReplyOf<typeof ApiKey.enable>> {
    return this.changeKey.execute(caller, { operation: ApiKey.enable.subject, request }, ({ record }) => {
      demandHolds(this.policy.current.lattice, caller, record);
      return record.status === 'active'
        ? { unchanged: 'confirm', shown: {} }
        : {
            columns: { disabledAt: null, disabledBy: null },
            effect: 'refresh',
            onlyTakesAway: false,
            event: { action: 'api-key.enabled' },
            shown: {},
          };
    });
  }
}
