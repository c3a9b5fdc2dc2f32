import 'reflect-metadata';
import { type CanActivate, type ExecutionContext, HttpException } from '@nestjs/common';
import { AccessRefused, isScopeToken } from './access-refused.js';
import { type IncomingRequest } from './incoming-request.js';
import { type Authenticator, authorize, type VerifiedPrincipal } from './verified-principal.js';

type Access = { readonly public: true } | { readonly permissions: readonly string[] };

const accessKey = Symbol('portcullis:access');

/** Only a principal that holds all of these comes in. On a class it is for every handler that says nothing itself. */
export function RequirePermission(...permissions: [string, ...string[]]): ClassDecorator & MethodDecorator {
  for (const permission of permissions) {
    if (!isScopeToken(permission)) throw new TypeError('A permission is a name such as counterparties:view.');
  }
  return declared({ permissions });
}

/** Anyone comes in, with a credential or without; there is no `request.principal`. */
export const Public = (): ClassDecorator & MethodDecorator => declared({ public: true });

/** What the guard adds to a request. */
export interface GuardedRequest {
  principal?: VerifiedPrincipal;
}

/**
 * `app.useGlobalGuards(new PortcullisGuard(authenticator))`. Denies by default: a handler that neither itself nor its class opens by
 * `RequirePermission` or `Public` is refused with 403, and so is everything that is not HTTP. A refusal is the whole answer of
 * AccessRefused. Sets `request.principal`. Proven on Fastify; it asks nothing of a response that Express' does not have.
 */
export class PortcullisGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    /** Hears why a request was refused; nothing of a token is in it. */
    private readonly refused: (refusal: AccessRefused) => void = () => undefined,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return false;
    const http = context.switchToHttp();
    try {
      const access = accessOf(context);
      if (!access) throw new AccessRefused('forbidden', { detail: 'This route declares no permission.' });
      if ('public' in access) return true;
      const request = http.getRequest<GuardedRequest & IncomingRequest & { raw?: IncomingRequest }>();
      request.principal = await authorize(request.raw ?? request, { by: this.authenticator, ...access });
      return true;
    } catch (error) {
      if (!(error instanceof AccessRefused)) throw error;
      this.refused(error);
      const response = http.getResponse<{ header(name: string, value: string): unknown }>();
      for (const [name, value] of Object.entries(error.headers)) response.header(name, value);
      throw new HttpException({ ...error.problem }, error.status, { cause: error });
    }
  }
}

/** Two words on one handler would be a contradiction of which one wins by its place. */
function declared(access: Access): ClassDecorator & MethodDecorator {
  return (target: object, _name?: string | symbol, descriptor?: { value?: unknown }): void => {
    const on = (descriptor?.value as object | undefined) ?? target;
    if (Reflect.hasOwnMetadata(accessKey, on))
      throw new TypeError('Say once who comes in: RequirePermission or Public.');
    Reflect.defineMetadata(accessKey, access, on);
  };
}

/** The handler's own word comes before its class's. What a class inherits from is not asked. */
function accessOf(context: ExecutionContext): Access | undefined {
  const read = (target: object): Access | undefined => Reflect.getOwnMetadata(accessKey, target) as Access | undefined;
  return read(context.getHandler()) ?? read(context.getClass());
}
