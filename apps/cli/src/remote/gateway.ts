import { readFileSync } from 'node:fs';
import { Refused, UsageFault, type Environment } from '../command.js';
import { gatewayAddress } from './address.js';
import { profileName, Profiles } from './profiles.js';
import { GatewayRefusal, type Outgoing, receive, send } from './send.js';
import { howToSignIn, type Now, sessionToken, signedIn } from './session.js';

/** What of a command line says where to ask and as whom. */
export interface Place {
  readonly url?: string | undefined;
  readonly profile?: string | undefined;
  readonly organization?: string | undefined;
  readonly 'insecure-http'?: boolean | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

export type Question = Omit<Outgoing, 'token' | 'organization' | 'timeoutSeconds'>;

type Asked = Omit<Question, 'body' | 'idempotencyKey'>;

/** The most that a gateway answers at once. */
const pageItems = 100;

/** A gateway, asked as somebody. */
export class Gateway {
  constructor(
    private readonly parts: {
      readonly address: string;
      readonly organization: string | undefined;
      /** Asked before every request: a session may have to be renewed meanwhile. */
      token(): Promise<string>;
      /** What to do about a 401. */
      readonly remedy: string;
    },
  ) {}

  /** Refuses with what the gateway said. The answer is taken to be what the contract promises. */
  async ask<Reply = Record<string, unknown>>(question: Question): Promise<Reply> {
    const { address, organization } = this.parts;
    try {
      const token = await this.parts.token();
      return (await send(address, { ...question, organization, token })).body as Reply;
    } catch (error) {
      throw this.advised(error);
    }
  }

  /** The bytes of an answer as they come. Refuses, also in the midst of it, if they end before they should. */
  async *read(question: Asked): AsyncGenerator<Uint8Array> {
    const { address, organization } = this.parts;
    try {
      const token = await this.parts.token();
      yield* receive(address, { ...question, organization, token });
    } catch (error) {
      throw this.advised(error);
    }
  }

  private advised(error: unknown): unknown {
    if (!(error instanceof GatewayRefusal)) return error;
    if (error.status === 401) return error.adding(this.parts.remedy);
    return error.code === 'organization_required' ? error.adding('Say which: --organization org_…') : error;
  }

  /** Follows cursors until there are `count` items, or all of them with null. */
  async list<Item>(
    path: string,
    query: NonNullable<Question['query']>,
    { count, cursor: first }: { count: number | null; cursor?: string | undefined },
  ): Promise<Page<Item>> {
    const items: Item[] = [];
    let cursor: string | null | undefined = first;
    do {
      const limit = count === null ? pageItems : Math.min(pageItems, count - items.length);
      const page: Page<Item> = await this.ask<Page<Item>>({
        method: 'GET',
        path,
        query: { ...query, limit, cursor: cursor ?? undefined },
      });
      items.push(...page.items);
      if (page.next_cursor !== null && page.next_cursor === cursor) break; // it would never end
      cursor = page.next_cursor;
    } while (cursor !== null && (count === null || items.length < count));
    return { items, next_cursor: cursor ?? null };
  }
}

/**
 * Where to ask and as whom: PORTCULLIS_TOKEN at --url or PORTCULLIS_URL, else the session of a profile, at its own address. A
 * profile that is named comes before the environment. A session's token goes to no address but the one that issued it.
 */
export function connect(place: Place, env: Environment, now: Now): Gateway {
  const isNamed = place.profile !== undefined;
  const given = place.url ?? (isNamed ? undefined : env['PORTCULLIS_URL'] || undefined);
  const token = isNamed ? null : environmentToken(env);
  const insecure = place['insecure-http'] === true;
  const organization = organizationOf(place.organization);
  if (token !== null) {
    if (given === undefined)
      throw new UsageFault('PORTCULLIS_TOKEN is set: say where it is to be sent, by --url or PORTCULLIS_URL.');
    return new Gateway({
      address: gatewayAddress(given, insecure),
      organization,
      token: () => Promise.resolve(token),
      remedy: 'The credential is that of PORTCULLIS_TOKEN.',
    });
  }
  const profiles = Profiles.of(env);
  const name = profileName(place.profile);
  const profile = signedIn(profiles, name);
  const address = gatewayAddress(profile.url, insecure || profile.insecure_http);
  if (given !== undefined && gatewayAddress(given, true) !== address)
    throw new Refused(
      `The profile ${name} is signed in at ${address}, and its token goes nowhere else. Sign in there: portcullis login --url URL --profile NAME`,
    );
  return new Gateway({
    address,
    organization: organization ?? profile.organization ?? undefined,
    token: () => sessionToken(profiles, name, now),
    remedy: howToSignIn(name),
  });
}

/** What goes into a header must be fit for one; `fetch` would repeat it in its complaint. */
export function organizationOf(given: string | undefined): string | undefined {
  if (given !== undefined && !/^org_[0-9A-Za-z]+$/.test(given)) throw new UsageFault('--organization is an id: org_…');
  return given;
}

/** The credential of PORTCULLIS_TOKEN or PORTCULLIS_TOKEN_FILE; null if neither is set. */
export function environmentToken(env: Environment): string | null {
  const file = env['PORTCULLIS_TOKEN_FILE'] || undefined;
  const given = env['PORTCULLIS_TOKEN'] || undefined;
  if (file !== undefined && given !== undefined)
    throw new UsageFault('PORTCULLIS_TOKEN and PORTCULLIS_TOKEN_FILE are both set: which one?');
  const name = file === undefined ? 'PORTCULLIS_TOKEN' : 'PORTCULLIS_TOKEN_FILE';
  const token = (file === undefined ? given : readToken(file))?.trim();
  if (token === undefined) return null;
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageFault(`${name} holds no credential: one line without blanks.`);
  return token;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Refused(`PORTCULLIS_TOKEN_FILE cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
