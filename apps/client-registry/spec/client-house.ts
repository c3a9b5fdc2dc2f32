import { generateKeyPairSync } from 'node:crypto';
import { Test } from '@nestjs/testing';
import { Bus, EnforcementAuthority } from '@portcullis/bus';
import {
  type AuditEvent,
  type AuthenticatedCaller,
  ClientRegistry,
  newId,
  type Operation,
  type Principal,
  type RequestInputOf,
  type RequestOf,
} from '@portcullis/contracts';
import { PolicyFile } from '@portcullis/policy';
import { aCaller, specDatabase, specNatsUrl } from '@portcullis/testing';
import { ClaimRequest } from '../src/claim-request.js';
import { ClaimStore } from '../src/claim.store.js';
import { clientRegistryDatabase, ClientRegistryModule } from '../src/client-registry.module.js';
import { ConfirmClientChange } from '../src/confirm-client-change.js';
import { CreateClient } from '../src/create-client.js';
import { ReadClients } from '../src/read-clients.js';
import { ResolveGrant } from '../src/resolve-grant.js';
import { RevokeClient } from '../src/revoke-client.js';
import { RotateClient } from '../src/rotate-client.js';
import { UpdateClient } from '../src/update-client.js';

/** A public key as it is pasted. */
export const aPublicKey = (): string =>
  generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();

/** The service's use-cases on a real database and with a clock that stands; requests are read as its handlers read them. */
export async function openClientHouse(policyPath = new URL('../../../config/policy.yaml', import.meta.url).pathname) {
  const clock = { now: new Date('2026-03-01T12:00:00.000Z') };
  const policy = await PolicyFile.open(policyPath);
  const spec = await specDatabase({ ...clientRegistryDatabase, now: () => clock.now });
  const { database } = spec;
  const bus = await Bus.connect('client-registry', specNatsUrl('client-registry'));
  const authority = new EnforcementAuthority(bus, { store: database.enforcement, leaseSeconds: 2, report: () => {} });
  const claimRequest = new ClaimRequest(database, new ClaimStore(database));
  const module = await Test.createTestingModule({
    imports: [ClientRegistryModule.of({ database, policy, authority, claimRequest })],
  }).compile();
  const organization_id = newId('org', new Date());

  const read = <O extends Operation>(operation: O, request: RequestInputOf<O>): RequestOf<O> =>
    operation.request.parse(request) as RequestOf<O>;
  /** Holds everything that there is, unless the spec says less. */
  const owner = (given: Partial<Principal> = {}, idempotencyKey?: string): AuthenticatedCaller => {
    const { lattice } = policy.current;
    const permissions = lattice.names(lattice.grant({ roles: ['owner'], buckets: 'all' }));
    return aCaller(
      { organization_id, permissions, resources: { buckets: 'all' }, ...given },
      idempotencyKey === undefined ? {} : { idempotencyKey },
    );
  };

  return {
    clock,
    ...{ database, claimRequest, organization_id, policy },
    owner,
    after: (seconds: number): void => {
      clock.now = new Date(clock.now.getTime() + seconds * 1000);
    },
    create: (given: Partial<RequestInputOf<typeof ClientRegistry.create>> = {}, caller = owner()) =>
      module.get(CreateClient).execute(
        caller,
        read(ClientRegistry.create, {
          name: 'node',
          public_key: aPublicKey(),
          roles: ['layer1:role:payment:viewer'],
          ...given,
        }),
      ),
    update: (request: RequestInputOf<typeof ClientRegistry.update>, caller = owner()) =>
      module.get(UpdateClient).update(caller, read(ClientRegistry.update, request)),
    enable: (id: string, caller = owner()) => module.get(UpdateClient).enable(caller, { id }),
    disable: (id: string, caller = owner()) => module.get(UpdateClient).disable(caller, { id }),
    rotate: (id: string, overlap_seconds: number, public_key = aPublicKey(), caller = owner()) =>
      module.get(RotateClient).execute(caller, read(ClientRegistry.rotate, { id, overlap_seconds, public_key })),
    revoke: (id: string, caller = owner()) => module.get(RevokeClient).execute(caller, { id }),
    list: (request: RequestInputOf<typeof ClientRegistry.list> = {}, caller = owner()) =>
      module.get(ReadClients).list(caller, read(ClientRegistry.list, request)),
    one: (id: string, caller = owner()) => module.get(ReadClients).one(caller, { id }),
    resolve: async (client_id: string) => (await module.get(ReadClients).resolve({ client_id })).client,
    grant: (id: string) => module.get(ResolveGrant).execute({ id }),
    finish: () => module.get(ConfirmClientChange).finish({ afterSeconds: 20, limit: 100 }),
    query: <Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> =>
      database.read((manager) => manager.query<Row[]>(sql, parameters)),
    events: async (id: string): Promise<AuditEvent[]> =>
      (
        await database.read((manager) =>
          manager.query<{ event: AuditEvent }[]>(
            `select event from outbox where event->'resource'->>'id' = $1 order by id`,
            [id],
          ),
        )
      ).map(({ event }) => event),
    markers: (id: string) =>
      database.read((manager) =>
        manager.query<{ effect: string }[]>('select effect from marker where subject = $1 order by seq', [id]),
      ),
    close: async (): Promise<void> => {
      await module.close();
      await policy.close();
      await bus.close();
      await spec.drop();
    },
  };
}

export type ClientHouse = Awaited<ReturnType<typeof openClientHouse>>;
