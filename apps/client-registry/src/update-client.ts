import { Injectable } from '@nestjs/common';
import { within } from '@portcullis/authz';
import {
  type AuthenticatedCaller,
  type ClientRecord,
  ClientRegistry,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { exceedingNetworks } from '@portcullis/granting';
import { type CredentialChange, Database } from '@portcullis/persistence';
import { type Policy, PolicyFile } from '@portcullis/policy';
import { ChangeClient } from './change-client.js';
import { type ClientColumns } from './client-change.store.js';
import { demandMayGive, demandSensibleRoles, networksOf } from './client-rules.js';

type Fields = Pick<ClientRecord, 'name' | 'networks' | 'roles' | 'enabled'>;

/** What gateways look at. */
const judgedBy = ['networks', 'roles', 'enabled'] as const;

/** Edits a client, enables it and disables it. Whoever does holds all that the client holds, before and after. */
@Injectable()
export class UpdateClient {
  constructor(
    private readonly database: Database,
    private readonly policy: PolicyFile,
    private readonly changeClient: ChangeClient,
  ) {}

  update(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof ClientRegistry.update>,
  ): Promise<ReplyOf<typeof ClientRegistry.update>> {
    return this.change(caller, ClientRegistry.update.subject, request);
  }

  enable(
    caller: AuthenticatedCaller,
    { id }: RequestOf<typeof ClientRegistry.enable>,
  ): Promise<ReplyOf<typeof ClientRegistry.enable>> {
    return this.change(caller, ClientRegistry.enable.subject, { id, enabled: true });
  }

  disable(
    caller: AuthenticatedCaller,
    { id }: RequestOf<typeof ClientRegistry.disable>,
  ): Promise<ReplyOf<typeof ClientRegistry.disable>> {
    return this.change(caller, ClientRegistry.disable.subject, { id, enabled: false });
  }

  private async change(
    caller: AuthenticatedCaller,
    operation: string,
    request: { id: string } & { [F in keyof Fields]?: Fields[F] | undefined },
  ): Promise<ReplyOf<typeof ClientRegistry.update>> {
    const wanted = {
      ...request,
      networks: request.networks && networksOf(request.networks),
      roles: request.roles && [...new Set(request.roles)],
    };
    const policy = this.policy.current;
    if (wanted.roles) demandSensibleRoles(policy, wanted.roles);
    return this.changeClient.execute(caller, { operation, request }, ({ record, changeEnforced }) => {
      const after = differing(record, wanted);
      const fields = Object.keys(after) as (keyof Fields)[];
      const stopsOnly = request.enabled === false && fields.every((field) => field === 'enabled');
      // Whoever may manage clients may stop each: that gives nothing to anybody.
      if (!stopsOnly) {
        demandMayGive(policy.lattice, caller, record);
        demandMayGive(policy.lattice, caller, { ...record, ...after });
      }
      if (fields.length === 0) {
        const judged = judgedBy.some((field) => request[field] !== undefined);
        return { unchanged: judged && !changeEnforced ? 'confirm' : 'say nothing', shown: {} };
      }
      const before = Object.fromEntries(fields.map((field) => [field, record[field]]));
      return {
        columns: this.columnsOf(after, caller),
        ...effectOf(policy, record, after),
        event: { action: actionOf(after), details: { before, after } },
        shown: {},
      };
    });
  }

  private columnsOf({ enabled, ...columns }: Partial<Fields>, { principal }: AuthenticatedCaller): ClientColumns {
    if (enabled === undefined) return columns;
    return enabled
      ? { ...columns, disabled_at: null, disabled_by: null }
      : { ...columns, disabled_at: this.database.now(), disabled_by: principal.id };
  }
}

/** Of the fields that are wanted those that are not so already. Lists here are sets. */
function differing(record: Fields, wanted: { readonly [F in keyof Fields]?: Fields[F] | undefined }): Partial<Fields> {
  const fields = [...judgedBy, 'name'] as const;
  const canonical = (value: unknown): string =>
    JSON.stringify(Array.isArray(value) ? [...(value as string[])].sort() : value);
  return Object.fromEntries(
    fields
      .filter((field) => wanted[field] !== undefined && canonical(wanted[field]) !== canonical(record[field]))
      .map((field) => [field, wanted[field]]),
  );
}

/** `drop` where something is taken away: a role, a network, everything; which is all that is done if nothing is given beside it. */
function effectOf(
  { lattice }: Policy,
  record: ClientRecord,
  after: Partial<Fields>,
): Pick<CredentialChange<object>, 'effect' | 'onlyTakesAway'> {
  if (!judgedBy.some((field) => field in after)) return { effect: null, onlyTakesAway: false };
  const { networks = record.networks, roles = record.roles } = after;
  const grantOf = (names: readonly string[]) => lattice.grantKnown({ roles: names, permissions: [], buckets: 'all' });
  const lacks =
    after.enabled === false ||
    exceedingNetworks(record.networks, networks).length > 0 ||
    within(grantOf(record.roles), grantOf(roles)).length > 0;
  const gains =
    after.enabled === true ||
    after.name !== undefined ||
    exceedingNetworks(networks, record.networks).length > 0 ||
    within(grantOf(roles), grantOf(record.roles)).length > 0;
  return { effect: lacks ? 'drop' : 'refresh', onlyTakesAway: lacks && !gains };
}

function actionOf(after: Partial<Fields>) {
  if (Object.keys(after).length > 1 || after.enabled === undefined) return 'client.updated';
  return after.enabled ? 'client.enabled' : 'client.disabled';
}
