import { type Companion } from '@portcullis/bus';
import { type Database } from '@portcullis/persistence';
import { GatewayStore } from './gateways/gateway.store.js';
import { NodePasswordFailureStore } from './role-tokens/node-password-failure.store.js';
import { RoleTokenStore } from './role-tokens/role-token.store.js';
import { SignInFailureStore } from './sessions/sign-in-failure.store.js';
import { FamilyStore } from './tokens/family.store.js';
import { InvitationStore } from './users/invitation.store.js';

const everyMilliseconds = 600_000;

/** Deletes, now and then, what has no meaning any more. Replicas that do so at once do no harm. */
export class Housekeeping implements Companion {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly report: (line: string) => void,
  ) {}

  start(): void {
    this.timer = setInterval(
      () => void this.run().catch((error: unknown) => this.report(`housekeeping: ${String(error)}`)),
      everyMilliseconds,
    );
  }

  stop(): void {
    clearInterval(this.timer);
  }

  async run(): Promise<void> {
    const now = this.database.now();
    await new SignInFailureStore(this.database).prune(now);
    await new NodePasswordFailureStore(this.database).prune(now);
    await new RoleTokenStore(this.database).prune(now);
    await new InvitationStore(this.database).prune(now);
    await new FamilyStore(this.database).prune(now);
    await new GatewayStore(this.database).prune(now);
  }
}
