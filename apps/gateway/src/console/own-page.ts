import { Refusal } from '@portcullis/contracts';
import { headerValues } from '../header-values.js';

/**
 * What our own pages send with each request that makes, uses or ends a session. No form and no link can send it; a script of another
 * origin would have to ask in a preflight first, and none is granted.
 */
export const ownPageHeader = { name: 'X-Requested-With', value: 'portcullis-console' } as const;

/**
 * Refuses with `forbidden` what a browser may have sent for a page that is not ours. Who sends neither `Origin` nor `Sec-Fetch-Site` is no
 * browser that knows them: the header decides.
 */
export function demandOwnPage(rawHeaders: readonly string[], publicUrl: string): void {
  const why = foreignness(rawHeaders, new URL(publicUrl));
  if (why === undefined) return;
  const failedCredential = { reason: 'foreign_page', organization_id: null, credential_id: null };
  throw new Refusal('forbidden', why, headerValues(rawHeaders, 'cookie').length > 0 ? { failedCredential } : {});
}

function foreignness(rawHeaders: readonly string[], publicUrl: URL): string | undefined {
  const sent = headerValues(rawHeaders, ownPageHeader.name.toLowerCase());
  if (sent.length !== 1 || sent[0] !== ownPageHeader.value)
    return `Sessions are for the console. Send the header ${ownPageHeader.name}: ${ownPageHeader.value}.`;
  if (headerValues(rawHeaders, 'sec-fetch-site').some((site) => site !== 'same-origin'))
    return 'A page of another site may not touch a session.';
  const [host] = headerValues(rawHeaders, 'host');
  if (headerValues(rawHeaders, 'origin').every((origin) => isOwnOrigin(origin, { host, publicUrl }))) return undefined;
  return 'The page is of another origin than the gateway. Behind a proxy, set PORTCULLIS_PUBLIC_URL to where browsers find the console.';
}

/**
 * Whether a page of this origin came from the gateway: from its public URL, or from the host that the request is for. Behind a proxy that
 * ends TLS the gateway does not see the scheme; in the clear counts where the public URL is in the clear too, or on the same machine.
 */
export function isOwnOrigin(
  origin: string,
  { host, publicUrl }: { host: string | undefined; publicUrl: URL },
): boolean {
  if (origin === publicUrl.origin) return true;
  const page = parsed(origin);
  if (page?.origin !== origin || host === undefined) return false;
  const isClear = page.protocol === 'http:';
  if (isClear && publicUrl.protocol === 'https:' && !isLoopback(page.hostname)) return false;
  return parsed(`${page.protocol}//${host}`)?.host === page.host;
}

const parsed = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

const isLoopback = (hostname: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
