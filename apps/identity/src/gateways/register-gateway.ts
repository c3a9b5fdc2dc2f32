import { Injectable } from '@nestjs/common';
import { type Identity, Refusal, type RequestOf } from '@portcullis/contracts';
import { importPublicJwk, KeyRefused } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { GatewayStore } from './gateway.store.js';

/** How long a gateway that fell silent is still believed. It registers every minute. */
export const gatewaySeconds = 600;

/**
 * Makes the public key of a gateway process known, and that the process is still there. A gateway keeps its key for life:
 * an id that comes with another key, or a key that comes under another id, is refused.
 */
@Injectable()
export class RegisterGateway {
  constructor(
    private readonly database: Database,
    private readonly gateways: GatewayStore,
  ) {}

  async execute({ gateway_id: id, key }: RequestOf<typeof Identity.registerGateway>): Promise<Record<string, never>> {
    try {
      importPublicJwk(key);
    } catch (error) {
      if (!(error instanceof KeyRefused)) throw error;
      throw new Refusal('invalid_request', `The gateway's key is refused: ${error.message}`);
    }
    await this.database.transaction(async (tx) => {
      const outcome = await this.gateways.register(tx, id, key, this.database.now());
      if (outcome === 'taken') throw new Refusal('conflict', 'This gateway or this key is registered otherwise.');
      if (outcome === 'registered') {
        await tx.owe({
          organization_id: null,
          action: 'gateway.registered',
          resource: { kind: 'gateway', id },
          details: { kid: key.kid },
        });
      }
    });
    return {};
  }
}
