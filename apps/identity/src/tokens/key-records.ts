import { Injectable } from '@nestjs/common';
import { ApiKey, type ResolvedKey } from '@portcullis/contracts';
import { Bus } from '@portcullis/bus';

/** API keys as the service that owns them knows them now. Nothing is kept: issuing is rare, and a kept record would be an old one. */
@Injectable()
export class KeyRecords {
  constructor(private readonly bus: Bus) {}

  async findByClientId(clientId: string): Promise<ResolvedKey | null> {
    return (await this.bus.call(ApiKey.resolve, { client_id: clientId })).key;
  }

  async find(id: string): Promise<ResolvedKey | null> {
    return (await this.bus.call(ApiKey.resolve, { id })).key;
  }
}
