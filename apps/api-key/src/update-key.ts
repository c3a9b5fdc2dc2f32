import { Injectable } from '@nestjs/common';
import { type Lattice, within } from '@portcullis/authz';
import {
  ApiKey,
  type ApiKeyRecord,
  type AuthenticatedCaller,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { PolicyFile } from '@portcullis/policy';
import { canonicalNetworks, demandKnownNames, demandNetworksWithin, exceedingNetworks } from '@portcullis/granting';
import { ChangeKey } from './change-key.js';
import { demandHolds, demandSensible, keyGrant, unique } from './grant-rules.js';
import { type KeyColumns } from './key-change.store.js';

type Request = RequestOf<typeof ApiKey.update>;
type Grant = Pick<ApiKeyRecord, 'roles' | 'permissions' | 'buckets'>;

/** Edits a key. Its grant only ever gets narrower: for a wider one there is a new key. */
@Injectable()
export class UpdateKey {
  constructor(
    private readonly policy: PolicyFile,
    private readonly changeKey: ChangeKey,
  ) {}

  async execute(caller: AuthenticatedCaller, request: Request): Promise<ReplyOf<typeof ApiKey.update>> {
    const networks = request.networks ? canonicalNetworks(request.networks) : request.networks;
    const { lattice } = this.policy.current;
    demandKnownNames(lattice, { roles: request.roles ?? [], permissions: request.permissions ?? [] });
    return this.changeKey.execute(caller, { operation: ApiKey.update.subject, request }, ({ record, ...key }) => {
      demandHolds(lattice, caller, record);
      if (networks !== undefined) demandNetworksWithin(networks, caller.principal.networks);
      const wanted = { ...request, networks, ...narrowed(lattice, record, request) };
      const after = differing(record, wanted);
      const fields = Object.keys(after) as (keyof typeof after)[];
      if (fields.length === 0) {
        const judged = judgedBy.some((field) => field in request);
        return { unchanged: judged && !key.changeEnforced ? 'confirm' : 'say nothing', shown: {} };
      }
      const before = Object.fromEntries(fields.map((field) => [field, record[field]]));
      return {
        columns: columnsOf(after),
        effect: effectOf(record, after),
        onlyTakesAway: onlyTakesAway(record, after),
        event: { action: 'api-key.updated', details: { before, after } },
        shown: {},
      };
    });
  }
}

/** What gateways look at. */
const judgedBy = ['roles', 'permissions', 'buckets', 'networks', 'rate_limit'] as const;

type Fields = Pick<ApiKeyRecord, (typeof judgedBy)[number] | 'name' | 'description' | 'metadata'>;

/** The grant after the change, as create would write it. Refuses one that is not within the grant before. */
function narrowed(lattice: Lattice, record: ApiKeyRecord, request: Request): Partial<Grant> {
  if (request.roles === undefined && request.permissions === undefined && request.buckets === undefined) return {};
  const roles = unique(request.roles ?? record.roles);
  const permissions = unique(request.permissions ?? record.permissions);
  const asked = request.buckets ?? record.buckets ?? 'all';
  demandSensible({ roles, permissions, buckets: asked, forms: record.forms });
  const grant = lattice.grantKnown({ roles, permissions, buckets: asked });
  const excess = within(grant, keyGrant(lattice, record));
  if (excess.length > 0) {
    const named = excess.map(({ permission }) => permission).join(', ');
    throw new Refusal('unprocessable', `A key's grant can only be narrowed, and this adds ${named}. Make a new key.`, {
      errors: excess.map(({ permission, buckets }) => ({
        field: buckets === undefined ? 'permissions' : 'buckets',
        message: `${permission} is more than the key holds`,
      })),
    });
  }
  const reachesBuckets = Object.keys(lattice.resources(grant)).length > 0;
  return { roles, permissions, buckets: request.buckets ?? (reachesBuckets ? asked : null) };
}

/** Of the fields that are wanted those that are not so already. */
function differing(
  record: ApiKeyRecord,
  wanted: Partial<{ [F in keyof Fields]: Fields[F] | undefined }>,
): Partial<Fields> {
  const fields = [...judgedBy, 'name', 'description', 'metadata'] as const;
  return Object.fromEntries(
    fields
      .filter((field) => wanted[field] !== undefined && canonical(wanted[field]) !== canonical(record[field]))
      .map((field) => [field, wanted[field]]),
  );
}

/** Lists here are sets; of objects the order of fields means nothing. */
function canonical(value: unknown): string {
  return JSON.stringify(Array.isArray(value) ? [...(value as unknown[])].sort() : value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** A grant that changes is narrower, and networks are when an old one lies outside the new. */
function effectOf(record: ApiKeyRecord, after: Partial<Fields>): 'drop' | 'refresh' | null {
  const grant = 'roles' in after || 'permissions' in after || 'buckets' in after;
  const networks = after.networks !== undefined && exceedingNetworks(record.networks, after.networks).length > 0;
  if (grant || networks) return 'drop';
  return judgedBy.some((field) => field in after) ? 'refresh' : null;
}

/** The grant never gets wider, so it is for the networks, the limit, and whatever else is called otherwise. */
function onlyTakesAway(record: ApiKeyRecord, after: Partial<Fields>): boolean {
  const { networks, rate_limit: limit } = after;
  return (
    Object.keys(after).every((field) => (judgedBy as readonly string[]).includes(field)) &&
    (networks === undefined || exceedingNetworks(networks, record.networks).length === 0) &&
    (limit === undefined || isWithinLimit(limit, record.rate_limit))
  );
}

function isWithinLimit(limit: ApiKeyRecord['rate_limit'], before: ApiKeyRecord['rate_limit']): boolean {
  if (before === null) return true;
  return limit !== null && limit.requests <= before.requests && limit.per_seconds >= before.per_seconds;
}

function columnsOf({ rate_limit: rateLimit, ...columns }: Partial<Fields>): KeyColumns {
  return { ...columns, ...(rateLimit === undefined ? {} : { rateLimit }) };
}
