import { Inject, Injectable } from '@nestjs/common';
import { type ApiKey, type AuthenticatedCaller, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, readPage } from '@portcullis/persistence';
import { type Place, RequestStore } from './request.store.js';

/** Days that a request is kept: older ones are not shown, though their day may not be dropped yet. */
export const REQUESTS_DAYS = Symbol('days that requests are kept');

const dayMs = 86_400_000;

/** What was called with which key. Every question carries the caller's organization. */
@Injectable()
export class ReadRequests {
  constructor(
    private readonly database: Database,
    private readonly requests: RequestStore,
    @Inject(REQUESTS_DAYS) private readonly days: number,
  ) {}

  async list(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof ApiKey.requests>,
  ): Promise<ReplyOf<typeof ApiKey.requests>> {
    const { limit, cursor, ...filter } = request;
    const { organization_id: organizationId } = caller.principal;
    const oldestMs = this.database.now().getTime() - this.days * dayMs;
    const sinceMs = filter.since === undefined ? oldestMs : Math.max(oldestMs, Date.parse(filter.since));
    const wanted = {
      organizationId,
      keyId: filter.api_key_id,
      principalId: filter.service_account_id,
      since: new Date(sinceMs),
      until: filter.until === undefined ? undefined : new Date(filter.until),
    };
    return readPage(
      this.database,
      { limit, cursor },
      {
        list: ['requests', organizationId, filter],
        find: (after, atMost) =>
          this.requests.list({ ...wanted, after: after === undefined ? undefined : placeOf(after) }, atMost),
        place: ({ at }) => textOf(at),
        item: ({ record }) => record,
      },
    );
  }
}

const textOf = ({ time, batch, place }: Place): string => `${time.getTime()} ${batch} ${place}`;

function placeOf(text: string): Place {
  const [timeMs, batch = '', place] = text.split(' ');
  return { time: new Date(Number(timeMs)), batch, place: Number(place) };
}
