import { Logger } from '@nestjs/common';
import {
  type Caller,
  type CallerOf,
  type Operation,
  Refusal,
  refuseFaults,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { type MsgHdrs } from '@nats-io/transport-node';
import { callerHeader, type CallerVerifier } from './caller-token.js';

const log = new Logger('bus');

/** One message as it arrived: the bytes that were signed are the bytes that are parsed. */
export class Incoming {
  constructor(
    private readonly subject: string,
    private readonly bytes: Uint8Array,
    private readonly headers: MsgHdrs | undefined,
    private readonly verifier: CallerVerifier,
  ) {}

  /** The caller, if the operation has one, and proof that it holds what the operation asks: checked here a second time. */
  async caller<O extends Operation>(operation: O): Promise<CallerOf<O>> {
    if (operation.for === 'service') return undefined as CallerOf<O>;
    const caller = await this.verifier.verify(this.headers?.get(callerHeader), this.subject, this.bytes);
    if (operation.for === 'principal') demandPermission(operation, caller);
    return caller as CallerOf<O>;
  }

  request<O extends Operation>(operation: O): RequestOf<O> {
    const parsed = operation.request.safeParse(parseBody(this.bytes));
    if (!parsed.success) throw refuseFaults(parsed.error);
    return parsed.data as RequestOf<O>;
  }
}

/** What goes back: the reply, cut to what the contract names, or a refusal. A surprise is logged here and says nothing. */
export type Answer = { ok: unknown } | { refusal: ReturnType<Refusal['toMessage']> };

export async function answer<O extends Operation>(
  operation: O,
  incoming: Incoming,
  handle: (request: RequestOf<O>, caller: CallerOf<O>) => Promise<ReplyOf<O>>,
): Promise<Answer> {
  try {
    const caller = await incoming.caller(operation);
    return { ok: operation.reply.parse(await handle(incoming.request(operation), caller)) };
  } catch (error) {
    if (error instanceof Refusal) {
      if (error.cause !== undefined) log.warn(`${operation.subject}: ${error.code}: ${describe(error.cause)}`);
      return { refusal: error.toMessage() };
    }
    log.error(`${operation.subject} failed`, error instanceof Error ? error.stack : String(error));
    return { refusal: new Refusal('internal', 'Something went wrong here. It has been logged.').toMessage() };
  }
}

function demandPermission(operation: Operation, caller: Caller): void {
  const { principal } = caller;
  if (!principal) throw new Refusal('unauthenticated', 'This operation needs a credential.');
  if (operation.permission === null) return;
  if (principal.organization_id === null && !operation.needsOrganization) return;
  if (principal.organization_id === null) {
    throw new Refusal('organization_required', 'Say which organization this is for with the X-Org-ID header.');
  }
  if (!principal.permissions.includes(operation.permission)) {
    throw new Refusal('forbidden', `This needs the permission ${operation.permission}.`);
  }
}

function parseBody(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // No cause for the log: JSON.parse quotes what it could not read.
    throw new Refusal('invalid_request', 'The message is not JSON.');
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error
    ? `${cause.message}${cause.cause === undefined ? '' : `: ${describe(cause.cause)}`}`
    : String(cause);
}
