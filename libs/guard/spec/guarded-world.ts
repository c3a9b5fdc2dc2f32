import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Controller, Module } from '@nestjs/common';
import { Bus, EnforcementAuthority, Handles, natsUsers, startService } from '@portcullis/bus';
import {
  ApiKey,
  type Authority,
  authorities as authorityNames,
  type BusUser,
  busUsers,
  ClientRegistry,
  Identity,
  newId,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { generateSigningKey, signJwt } from '@portcullis/credentials';
import { findNatsServer, type RunningNats, startNats } from '@portcullis/embedded';
import { type Marker } from '@portcullis/enforcement';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import {
  type ClientGrantRecord,
  type FamilyRecord,
  type GrantRecord,
  type HolderRecord,
} from '../src/guard-records.js';
import { JoinedGuard, type JoinedGuardOptions } from '../src/joined-guard.js';
import { issuer } from './forged-tokens.js';

const password = 'spec';
export const org = 'org_one';
export const leaseSeconds = 2;
const aFingerprint = 'ab'.repeat(32);

/** What the authorities know. Replies are cut to the contracts, as in production. */
const known = {
  families: new Map<string, FamilyRecord>(),
  grants: new Map<string, GrantRecord>(),
  clients: new Map<string, ClientGrantRecord>(),
  holders: new Map<string, HolderRecord>(),
};
const signing = generateSigningKey();
const databases = new Map<Authority, SpecDatabase>();

const positionOf = async (authority: Authority) => {
  const read = databases
    .get(authority)
    ?.database.read((manager) =>
      manager.query<{ history: string; seq: string }[]>('select history, seq from enforcement_position'),
    );
  const [row] = (await read) ?? [];
  return { history: row?.history ?? '', seq: Number(row?.seq) };
};

@Controller()
class IdentityController {
  @Handles(Identity.keys)
  keys(): Promise<ReplyOf<typeof Identity.keys>> {
    return Promise.resolve({ access: [signing.publicJwk as never], gateways: [] });
  }

  @Handles(Identity.resolveFamily)
  async family({ id }: RequestOf<typeof Identity.resolveFamily>): Promise<ReplyOf<typeof Identity.resolveFamily>> {
    return { position: await positionOf('identity'), family: known.families.get(id) ?? null };
  }

  @Handles(Identity.resolveHolder)
  async holder({ id }: RequestOf<typeof Identity.resolveHolder>): Promise<ReplyOf<typeof Identity.resolveHolder>> {
    return { position: await positionOf('identity'), holder: known.holders.get(id) ?? null };
  }
}

@Controller()
class ApiKeyController {
  @Handles(ApiKey.resolveGrant)
  async grant({ id }: RequestOf<typeof ApiKey.resolveGrant>): Promise<ReplyOf<typeof ApiKey.resolveGrant>> {
    return { position: await positionOf('api-key'), grant: known.grants.get(id) ?? null };
  }
}

@Controller()
class ClientRegistryController {
  @Handles(ClientRegistry.resolveGrant)
  async grant({
    id,
  }: RequestOf<typeof ClientRegistry.resolveGrant>): Promise<ReplyOf<typeof ClientRegistry.resolveGrant>> {
    return { position: await positionOf('client-registry'), grant: known.clients.get(id) ?? null };
  }
}

@Module({ controllers: [IdentityController] })
class IdentityModule {}
@Module({ controllers: [ApiKeyController] })
class ApiKeyModule {}
@Module({ controllers: [ClientRegistryController] })
class ClientRegistryModule {}

const modules = { identity: IdentityModule, 'api-key': ApiKeyModule, 'client-registry': ClientRegistryModule };

/**
 * A message server of its own, the authorities on it with their real protocol and tables, and guards: what is beside a guard in
 * production, with records that the spec writes.
 */
export async function aGuardedWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-guard-'));
  const cache = resolve(import.meta.dirname, '../../../node_modules/.cache/portcullis');
  const nats: RunningNats = await startNats({
    binary: await findNatsServer(cache, () => undefined),
    users: natsUsers(Object.fromEntries(busUsers.map((user) => [user, password])) as Record<BusUser, string>),
    storeDirectory: join(folder, 'nats'),
    log: () => undefined,
  });
  const urlOf = (user: BusUser): string => nats.url({ user, password });
  writeFileSync(join(folder, '1770000000000-nothing.sql'), 'select 1');
  const authorities = new Map<Authority, EnforcementAuthority>();
  const services = new Map<Authority, { stop(): Promise<void> }>();
  for (const name of authorityNames) {
    const spec = await specDatabase({
      service: name,
      schema: name.replaceAll('-', '_'),
      entities: [],
      migrations: pathToFileURL(`${folder}/`),
      now: () => new Date(),
    });
    databases.set(name, spec);
    const running = await startService(name, urlOf(name), (bus) => {
      const authority = new EnforcementAuthority(bus, {
        store: spec.database.enforcement,
        leaseSeconds,
        report: () => undefined,
      });
      authorities.set(name, authority);
      return Promise.resolve({
        module: { module: modules[name] },
        outbox: spec.database.outbox,
        companions: [authority],
        gatewayKeys: { find: () => Promise.resolve(undefined) },
        healthy: () => Promise.resolve(true),
        close: () => Promise.resolve(),
      });
    });
    services.set(name, running);
  }
  const guards: JoinedGuard[] = [];

  return {
    ...{ nats, known },
    bus: (user: BusUser) => Bus.connect(user, urlOf(user)),
    join: async (given: Partial<JoinedGuardOptions> = {}): Promise<JoinedGuard> => {
      const credentials = { servers: [nats.url()], user: 'guard', password, issuer, audience: issuer };
      const guard = await JoinedGuard.connect({ ...credentials, ...given });
      guards.push(guard);
      return guard;
    },
    enforcersOf: (name: Authority) => databases.get(name)?.database.enforcement.enforcers() ?? Promise.resolve([]),
    /** What a service does with a revocation: its marker in a transaction, then the answer, which waits for every enforcer. */
    mark: async (name: Authority, marker: Omit<Marker, 'seq'>) => {
      const seq = await databases.get(name)?.database.transaction((tx) => tx.mark(marker));
      return authorities.get(name)?.confirm([seq ?? 0]);
    },
    /** For good. */
    stopService: (name: Authority) => services.get(name)?.stop(),
    stop: async (): Promise<void> => {
      await Promise.all(guards.map((guard) => guard.close()));
      await Promise.all([...services.values()].map((service) => service.stop()));
      await nats.stop();
      await Promise.all([...databases.values()].map((spec) => spec.drop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type GuardedWorld = Awaited<ReturnType<typeof aGuardedWorld>>;

export const aHolder = (given: Partial<HolderRecord> = {}): HolderRecord => {
  const holder: HolderRecord = {
    id: newId('usr', new Date()),
    kind: 'user',
    status: 'active',
    memberships: [{ organization_id: org, permissions: ['things:view', 'things:manage', 'objects:view'] }],
    ...given,
  };
  known.holders.set(holder.id, holder);
  return holder;
};

export const aKey = (given: Partial<GrantRecord> = {}, owner = aHolder()): GrantRecord => {
  const grant: GrantRecord = {
    id: newId('key', new Date()),
    organization_id: org,
    owner_id: owner.id,
    permissions: ['things:view', 'objects:view'],
    resources: { 'objects:view': ['alpha', 'beta'] },
    networks: null,
    status: 'active',
    expires_at: null,
    generations: [{ generation: 1, expires_at: null }],
    ...given,
  };
  known.grants.set(grant.id, grant);
  return grant;
};

export const aClient = (given: Partial<ClientGrantRecord> = {}): ClientGrantRecord => {
  const grant: ClientGrantRecord = {
    id: newId('cli', new Date()),
    organization_id: org,
    permissions: ['things:view', 'objects:view'],
    resources: { 'objects:view': 'all' },
    networks: ['0.0.0.0/0', '::/0'],
    status: 'active',
    keys: [{ fingerprint: aFingerprint, expires_at: null }],
    ...given,
  };
  known.clients.set(grant.id, grant);
  return grant;
};

const aFamily = (given: Partial<FamilyRecord>): FamilyRecord => {
  const family: FamilyRecord = {
    id: newId('tok', new Date()),
    kind: 'session',
    credential_id: '',
    principal_id: '',
    organization_id: org,
    secret_generation: null,
    key_fingerprint: null,
    status: 'active',
    ...given,
  };
  known.families.set(family.id, family);
  return family;
};

const allPermissions = ['things:view', 'things:manage', 'objects:view', 'elsewhere:view'];

/** Signed as identity signs. */
export const aToken = (claims: Record<string, unknown>): string => {
  const iat = Math.floor(Date.now() / 1000);
  const usual = { iss: issuer, aud: issuer, sub: 'x', jti: newId('tok', new Date()), iat, nbf: iat, exp: iat + 3_600 };
  const all = { ...usual, permissions: allPermissions, ...claims };
  return signJwt({ key: signing.privateKey, kid: signing.kid, typ: 'at+jwt', claims: all });
};

/** A token of a key, and the family that it is of. */
export const aKeyToken = (key = aKey(), claims: Record<string, unknown> = {}, family: Partial<FamilyRecord> = {}) => {
  const made = aFamily({
    ...{ kind: 'api-key', credential_id: key.id, principal_id: key.owner_id, secret_generation: 1 },
    ...family,
  });
  return { key, family: made, token: aToken({ cid: key.id, sid: made.id, org, ...claims }) };
};

/** A token of a machine client. */
export const aClientToken = (
  client = aClient(),
  claims: Record<string, unknown> = {},
  family: Partial<FamilyRecord> = {},
) => {
  const made = aFamily({
    ...{ kind: 'client', credential_id: client.id, principal_id: client.id, key_fingerprint: aFingerprint },
    ...family,
  });
  return { client, family: made, token: aToken({ cid: client.id, sid: made.id, org, ...claims }) };
};

/** A token of a person's session. */
export const aSessionToken = (person = aHolder(), family: Partial<FamilyRecord> = {}) => {
  const made = aFamily({ principal_id: person.id, ...family });
  const organization = made.organization_id === null ? {} : { org: made.organization_id };
  return { person, family: made, token: aToken({ cid: made.id, sid: made.id, ...organization }) };
};
