import { generateKeyPairSync } from 'node:crypto';
import { Test } from '@nestjs/testing';
import { ClientRegistry, type RequestInputOf } from '@portcullis/contracts';
import { PolicyFile } from '@portcullis/policy';
import { specHouse } from '@portcullis/testing';
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
  const policy = await PolicyFile.open(policyPath);
  const house = await specHouse(clientRegistryDatabase, {
    permissions: () => {
      const { lattice } = policy.current;
      return lattice.names(lattice.grant({ roles: ['owner'], buckets: 'all' }));
    },
  });
  const { database, authority, owner, read } = house;
  const claimRequest = new ClaimRequest(database, new ClaimStore(database));
  const module = await Test.createTestingModule({
    imports: [ClientRegistryModule.of({ database, policy, authority, claimRequest })],
  }).compile();

  return {
    ...house,
    ...{ claimRequest, policy },
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
    close: async (): Promise<void> => {
      await module.close();
      await policy.close();
      await house.close();
    },
  };
}

export type ClientHouse = Awaited<ReturnType<typeof openClientHouse>>;
