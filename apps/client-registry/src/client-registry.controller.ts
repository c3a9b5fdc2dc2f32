import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { type AuthenticatedCaller, ClientRegistry, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { ReadClients } from './read-clients.js';

/** The message face: one method per operation, one call each. */
@Controller()
export class ClientRegistryController {
  constructor(private readonly readClients: ReadClients) {}

  @Handles(ClientRegistry.list)
  list(
    request: RequestOf<typeof ClientRegistry.list>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof ClientRegistry.list>> {
    return this.readClients.list(caller, request);
  }
}
