import { Inject, Injectable } from '@nestjs/common';
import { EnforcementAuthority } from '@portcullis/bus';
import {
  ApiKey,
  type AuthenticatedCaller,
  eventOrigin,
  type FieldFault,
  importedKeys,
  type KeyOwner,
  newId,
  type OwedEvent,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { canonicalNetworks, demandNetworksWithin, demandWithin, heldBy } from '@portcullis/granting';
import { grantOf, unique } from './grant-rules.js';
import { ImportStore, type NewImportedKey } from './import.store.js';
import { IssueKey } from './issue-key.js';
import { KEY_PREFIX } from './mint-secrets.js';
import { newKey } from './new-key.js';

/** Prefixes that our own keys have had before, and are still accepted with. */
export const ACCEPTED_PREFIXES = Symbol('ACCEPTED_PREFIXES');

type Request = RequestOf<typeof ApiKey.import>;
type Reply = ReplyOf<typeof ApiKey.import>;

/** Gateways hold the prefixes of all organizations in memory, and look at each for every foreign string. */
const mostPrefixes = 50;
const mostFaults = 20;

/**
 * Takes over keys that were made elsewhere, by their digests: all or none. Gateways look up foreign strings only if they begin with
 * a prefix that was imported, so the answer waits until every one of them has the prefixes.
 */
@Injectable()
export class ImportKeys {
  constructor(
    private readonly database: Database,
    private readonly imports: ImportStore,
    private readonly policy: PolicyFile,
    private readonly issueKey: IssueKey,
    private readonly authority: EnforcementAuthority,
    @Inject(KEY_PREFIX) private readonly prefix: string,
    @Inject(ACCEPTED_PREFIXES) private readonly acceptedPrefixes: readonly string[],
  ) {}

  async execute(caller: AuthenticatedCaller, request: Request): Promise<Reply> {
    this.refuseOurPrefixes(request);
    refuseDoubled(request);
    const made = await this.prepare(caller, request);
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation: ApiKey.import.subject, body: request, hmacKey, now: this.database.now() };
    const { items, seq } = await this.database.transaction((tx) =>
      once(tx, about, () => this.insert(tx, caller, made)),
    );
    return { items, enforcement: await this.authority.confirm([seq]) };
  }

  async foreignPrefixes(): Promise<ReplyOf<typeof ApiKey.foreignPrefixes>> {
    return this.imports.prefixes();
  }

  /** What is asked for, held against what the importer and each owner hold now. */
  private async prepare(caller: AuthenticatedCaller, request: Request): Promise<NewImportedKey[]> {
    const { lattice } = this.policy.current;
    const { principal } = caller;
    const now = this.database.now();
    const limit = heldBy(lattice, caller);
    const owners = new Map<string, Promise<KeyOwner>>();
    const made: NewImportedKey[] = [];
    for (const [index, key] of request.keys.entries()) {
      const wanted = { ...key, forms: ['bearer' as const] };
      try {
        const networks = canonicalNetworks(key.networks);
        const grant = grantOf(lattice, wanted);
        demandWithin(grant, limit, 'you');
        demandNetworksWithin(networks, principal.networks);
        // Keys that are to hold the same for the same owner are one question.
        const question = JSON.stringify([key.service_account_id, key.roles, key.permissions, key.buckets]);
        const asked = owners.get(question) ?? this.issueKey.ownerOf(caller, wanted, lattice, grant);
        owners.set(question, asked);
        const owner = await asked;
        made.push({
          key: {
            ...newKey(caller, key, { owner, networks, grant, lattice, now }),
            forms: ['bearer'],
            keyPrefix: key.prefix,
            clientId: null,
            accessKeyId: null,
          },
          secret: { id: newId('sec', now), sha256: key.sha256, foreignPrefix: key.prefix },
        });
      } catch (error) {
        throw error instanceof Refusal ? within(error, index) : error;
      }
    }
    return made;
  }

  private async insert(
    tx: Transaction,
    caller: AuthenticatedCaller,
    made: readonly NewImportedKey[],
  ): Promise<Pick<Reply, 'items'> & { seq: number }> {
    const { organization_id } = caller.principal;
    const prefixes = unique(made.map(({ secret }) => secret.foreignPrefix));
    if ((await this.imports.addPrefixes(tx, organization_id, prefixes)) > mostPrefixes) {
      throw new Refusal('unprocessable', `An organization brings at most ${mostPrefixes} prefixes.`);
    }
    if (!(await this.imports.insert(tx, made))) {
      throw new Refusal('conflict', 'One of these keys is known already. Nothing was imported.');
    }
    await tx.oweAll(made.map(({ key }) => importedEvent(caller, key)));
    const seq = await tx.mark({ scope: 'credential', id: importedKeys, effect: 'refresh' });
    const items = made.map(({ key, secret }) => ({
      id: key.id,
      name: key.name,
      key_prefix: secret.foreignPrefix,
      owner: { kind: key.ownerKind, id: key.ownerId },
      status: 'active' as const,
      expires_at: key.expiresAt?.toISOString() ?? null,
    }));
    return { items, seq };
  }

  /** A prefix that overlaps ours would send our own mistyped keys to the database, and JWTs are judged by their signature. */
  private refuseOurPrefixes({ keys }: Request): void {
    const reserved = [...[this.prefix, ...this.acceptedPrefixes].map((prefix) => `${prefix}_`), 'eyJ'];
    refuse(
      keys.flatMap(({ prefix }, index) =>
        reserved.some((ours) => prefix.startsWith(ours) || ours.startsWith(prefix))
          ? [{ field: `keys.${index}.prefix`, message: 'overlaps what credentials of this installation begin with' }]
          : [],
      ),
    );
  }
}

function importedEvent(caller: AuthenticatedCaller, key: NewImportedKey['key']): OwedEvent {
  const { id, name, keyPrefix, roles, permissions, buckets, networks } = key;
  return {
    organization_id: key.organizationId,
    action: 'api-key.imported',
    resource: { kind: 'api-key', id },
    ...eventOrigin(caller),
    details: {
      name,
      owner: { kind: key.ownerKind, id: key.ownerId },
      key_prefix: keyPrefix,
      roles,
      permissions,
      buckets,
      networks,
      rate_limit: key.rateLimit,
      expires_at: key.expiresAt?.toISOString() ?? null,
    },
  };
}

function refuseDoubled({ keys }: Request): void {
  const first = new Map<string, number>();
  refuse(
    keys.flatMap(({ sha256 }, index) => {
      const before = first.get(sha256);
      if (before === undefined) first.set(sha256, index);
      return before === undefined
        ? []
        : [{ field: `keys.${index}.sha256`, message: `is the same as that of keys.${before}` }];
    }),
  );
}

function refuse(errors: readonly FieldFault[]): void {
  if (errors.length === 0) return;
  throw new Refusal('unprocessable', 'These keys cannot be imported. Nothing was.', {
    errors: errors.slice(0, mostFaults),
  });
}

/** The refusal of one key among many, saying which. */
function within({ code, publicMessage, errors }: Refusal, index: number): Refusal {
  return new Refusal(code, `keys.${index}: ${publicMessage}`, {
    errors: (errors ?? []).map(({ field, message }) => ({ field: `keys.${index}.${field}`, message })),
  });
}
