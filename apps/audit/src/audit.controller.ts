import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { Audit, type AuthenticatedCaller, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { ReadEvents } from './read-events.js';

/** The message face: one method per operation, one call each. */
@Controller()
export class AuditController {
  constructor(private readonly readEvents: ReadEvents) {}

  @Handles(Audit.list)
  list(request: RequestOf<typeof Audit.list>, caller: AuthenticatedCaller): Promise<ReplyOf<typeof Audit.list>> {
    return this.readEvents.list(caller, request);
  }

  @Handles(Audit.read)
  read(request: RequestOf<typeof Audit.read>, caller: AuthenticatedCaller): Promise<ReplyOf<typeof Audit.read>> {
    return this.readEvents.one(caller, request);
  }
}
