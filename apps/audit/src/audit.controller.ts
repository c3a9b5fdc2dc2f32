import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { Audit, type AuthenticatedCaller as Caller, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { EraseSubject } from './erase-subject.js';
import { ExportEvents } from './export-events.js';
import { FollowEvents } from './follow-events.js';
import { ProveLog } from './log/prove-log.js';
import { ReadEvents } from './read-events.js';
import { ManageWebhooks } from './webhooks/manage-webhooks.js';

type Of = typeof Audit;

/** The message face: one method per operation, one call each. */
@Controller()
export class AuditController {
  constructor(
    private readonly readEvents: ReadEvents,
    private readonly proveLog: ProveLog,
    private readonly exportEvents: ExportEvents,
    private readonly followEvents: FollowEvents,
    private readonly eraser: EraseSubject,
    private readonly webhooks: ManageWebhooks,
  ) {}

  @Handles(Audit.list)
  list(request: RequestOf<Of['list']>, caller: Caller): Promise<ReplyOf<Of['list']>> {
    return this.readEvents.list(caller, request);
  }

  @Handles(Audit.read)
  read(request: RequestOf<Of['read']>, caller: Caller): Promise<ReplyOf<Of['read']>> {
    return this.readEvents.one(caller, request);
  }

  @Handles(Audit.prove)
  prove(request: RequestOf<Of['prove']>, caller: Caller): Promise<ReplyOf<Of['prove']>> {
    return this.proveLog.inclusion(caller, request);
  }

  @Handles(Audit.checkpoint)
  checkpoint(): Promise<ReplyOf<Of['checkpoint']>> {
    return this.proveLog.checkpoint();
  }

  @Handles(Audit.logKeys)
  logKeys(): Promise<ReplyOf<Of['logKeys']>> {
    return this.proveLog.keys();
  }

  @Handles(Audit.rotateLogKey)
  rotateLogKey(_request: RequestOf<Of['rotateLogKey']>, caller: Caller): Promise<ReplyOf<Of['rotateLogKey']>> {
    return this.proveLog.rotateKey(caller);
  }

  @Handles(Audit.state)
  async state(): Promise<ReplyOf<Of['state']>> {
    return { ...(await this.proveLog.state()), webhooks: await this.webhooks.state() };
  }

  @Handles(Audit.consistency)
  consistency(request: RequestOf<Of['consistency']>): Promise<ReplyOf<Of['consistency']>> {
    return this.proveLog.consistency(request);
  }

  @Handles(Audit.tile)
  tile(request: RequestOf<Of['tile']>): Promise<ReplyOf<Of['tile']>> {
    return this.proveLog.tile(request);
  }

  @Handles(Audit.exportPage)
  exportPage(request: RequestOf<Of['exportPage']>, caller: Caller): Promise<ReplyOf<Of['exportPage']>> {
    return this.exportEvents.page(caller, request);
  }

  @Handles(Audit.follow)
  follow(request: RequestOf<Of['follow']>, caller: Caller): Promise<ReplyOf<Of['follow']>> {
    return this.followEvents.page(caller, request);
  }

  @Handles(Audit.eraseSubject)
  eraseSubject(request: RequestOf<Of['eraseSubject']>, caller: Caller): Promise<ReplyOf<Of['eraseSubject']>> {
    return this.eraser.erase(caller, request);
  }

  @Handles(Audit.listWebhooks)
  listWebhooks(request: RequestOf<Of['listWebhooks']>, caller: Caller): Promise<ReplyOf<Of['listWebhooks']>> {
    return this.webhooks.list(caller, request);
  }

  @Handles(Audit.readWebhook)
  readWebhook(request: RequestOf<Of['readWebhook']>, caller: Caller): Promise<ReplyOf<Of['readWebhook']>> {
    return this.webhooks.read(caller, request);
  }

  @Handles(Audit.createWebhook)
  createWebhook(request: RequestOf<Of['createWebhook']>, caller: Caller): Promise<ReplyOf<Of['createWebhook']>> {
    return this.webhooks.create(caller, request);
  }

  @Handles(Audit.updateWebhook)
  updateWebhook(request: RequestOf<Of['updateWebhook']>, caller: Caller): Promise<ReplyOf<Of['updateWebhook']>> {
    return this.webhooks.update(caller, request);
  }

  @Handles(Audit.deleteWebhook)
  deleteWebhook(request: RequestOf<Of['deleteWebhook']>, caller: Caller): Promise<ReplyOf<Of['deleteWebhook']>> {
    return this.webhooks.remove(caller, request);
  }

  @Handles(Audit.rotateWebhook)
  rotateWebhook(request: RequestOf<Of['rotateWebhook']>, caller: Caller): Promise<ReplyOf<Of['rotateWebhook']>> {
    return this.webhooks.rotate(caller, request);
  }

  @Handles(Audit.enableWebhook)
  enableWebhook(request: RequestOf<Of['enableWebhook']>, caller: Caller): Promise<ReplyOf<Of['enableWebhook']>> {
    return this.webhooks.enable(caller, request);
  }

  @Handles(Audit.deadLetters)
  deadLetters(request: RequestOf<Of['deadLetters']>, caller: Caller): Promise<ReplyOf<Of['deadLetters']>> {
    return this.webhooks.deadLetters(caller, request);
  }

  @Handles(Audit.replayWebhook)
  replayWebhook(request: RequestOf<Of['replayWebhook']>, caller: Caller): Promise<ReplyOf<Of['replayWebhook']>> {
    return this.webhooks.replay(caller, request);
  }
}
