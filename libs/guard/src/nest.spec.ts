import { Controller, Get, Module, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccessRefused } from './access-refused.js';
import { bearerToken } from './incoming-request.js';
import { type GuardedRequest, PortcullisGuard, Public, RequirePermission } from './nest.js';
import { type Authenticator, type VerifiedPrincipal } from './verified-principal.js';

/** Knows two tokens, reads requests as the real ones do. */
const authenticator: Authenticator = {
  authenticate: (request) => {
    const token = bearerToken(request);
    if (token === 'away') throw new AccessRefused('unavailable');
    if (!['viewer', 'writer'].includes(token))
      throw new AccessRefused('invalid_token', { cause: new Error('unknown') });
    const permissions = token === 'viewer' ? ['ledger:view'] : ['ledger:view', 'ledger:write'];
    const principal = {
      id: token,
      organizationId: 'org_1',
      credentialId: 'key_1',
      permissions,
      buckets: 'all',
    } as const;
    return Promise.resolve({ ...principal, expiresAt: new Date() });
  },
};

@Controller('ledger')
class LedgerController {
  @Get()
  @RequirePermission('ledger:view')
  list(@Req() request: GuardedRequest): { caller: VerifiedPrincipal | undefined } {
    return { caller: request.principal };
  }

  @Get('write')
  @RequirePermission('ledger:view', 'ledger:write')
  write(): string {
    return 'written';
  }

  @Get('open')
  @Public()
  open(): string {
    return 'open';
  }

  @Get('forgotten')
  forgotten(): string {
    return 'must not be seen';
  }
}

@Controller('admin')
@RequirePermission('ledger:write')
class AdminController {
  @Get()
  all(): string {
    return 'all';
  }

  @Get('health')
  @Public()
  health(): string {
    return 'ok';
  }
}

/** Says nothing itself: what it inherits from opens nothing. */
@Public()
class OpenBase {}
@Controller('inherited')
class InheritedController extends OpenBase {
  @Get()
  all(): string {
    return 'must not be seen';
  }
}

@Module({ controllers: [LedgerController, AdminController, InheritedController] })
class LedgerModule {}

let app: NestFastifyApplication;
const refusals: AccessRefused[] = [];
beforeAll(async () => {
  app = await NestFactory.create<NestFastifyApplication>(LedgerModule, new FastifyAdapter(), { logger: false });
  app.useGlobalGuards(new PortcullisGuard(authenticator, (refusal) => refusals.push(refusal)));
  await app.init();
});
afterAll(() => app.close());

const get = (url: string, token?: string) =>
  app.inject({ method: 'GET', url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

test('a principal that holds the permission comes in, and the handler knows who it is', async () => {
  const answer = await get('/ledger', 'viewer');
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ caller: { id: 'viewer', organizationId: 'org_1' } });
});

test.each([
  ['GET /ledger', undefined, 401, 'Bearer realm="portcullis"'],
  ['GET /ledger', 'stolen', 401, 'Bearer realm="portcullis", error="invalid_token"'],
  ['GET /ledger', 'away', 503, undefined],
  ['GET /ledger/write', 'viewer', 403, 'Bearer realm="portcullis", error="insufficient_scope", scope="ledger:write"'],
  ['GET /ledger/write', 'writer', 200, undefined],
  ['GET /ledger/open', undefined, 200, undefined],
  ['GET /ledger/open', 'stolen', 200, undefined],
  ['GET /admin', 'viewer', 403, 'Bearer realm="portcullis", error="insufficient_scope", scope="ledger:write"'],
  ['GET /admin', 'writer', 200, undefined],
  ['GET /admin/health', undefined, 200, undefined],
  ['GET /ledger/forgotten', undefined, 403, undefined],
  ['GET /ledger/forgotten', 'writer', 403, undefined],
  ['GET /inherited', 'writer', 403, undefined],
])('%s with the token %s: %i', async (route, token, status, challenge) => {
  const answer = await get(route.slice(4), token);
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['www-authenticate']).toBe(challenge);
  if (status === 200) return;
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.json()).toMatchObject({ status, title: expect.any(String) as string });
  expect(answer.body).not.toContain('must not be seen');
});

test('why is told to the service, and not to the caller', async () => {
  const answer = await get('/ledger', 'stolen');
  expect(refusals.at(-1)?.cause).toMatchObject({ message: 'unknown' });
  expect(answer.body).not.toContain('unknown');
});

test('what is not HTTP is refused', async () => {
  const guard = new PortcullisGuard(authenticator);
  await expect(guard.canActivate({ getType: () => 'rpc' } as never)).resolves.toBe(false);
});

test('two words on one handler, and a permission that is no name, do not load', () => {
  const open = (): void => undefined;
  const twice = (): void => {
    for (const decorate of [Public(), RequirePermission('ledger:view')]) decorate({}, 'open', { value: open });
  };
  expect(twice).toThrow(/Say once/);
  expect(() => RequirePermission('ledger view')).toThrow(/is a name/);
  expect(() => RequirePermission('')).toThrow(/is a name/);
});
