import { s3PathOf } from '@portcullis/credentials';

/** What a request names, by its host and its path. */
export interface S3Address {
  readonly bucket: string | null;
  readonly key: string | null;
  /** The organization that the host names, in lower case; undefined where it names none. */
  readonly organization: string | undefined;
}

/** Reads the address of each request. */
export type S3Addresses = (host: string, target: string) => S3Address;

const placeholder = '{organization}';

/**
 * @param publicUrl as configured, perhaps with `{organization}` in its host. A host below that host has the bucket before it
 * (virtual-host style); any other has it in its path, whatever it is called: probes and balancers use an address.
 */
export function s3Addresses(publicUrl: string): S3Addresses {
  const base = hostOf(/^https?:\/\/([^/]+)/.exec(publicUrl)?.[1] ?? '');
  const isName = !/^(?:[\d.]+|\[.*\])$/.test(base) && base !== '';
  const pattern = base
    .split(placeholder)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('([a-z0-9_-]+)');
  const hasOrganization = base.includes(placeholder);
  // Lazily: of two readings the one with the longest bucket would take the organization for a part of it.
  const form = new RegExp(`^(?:(.+?)\\.)?${pattern}$`);
  return (host, target) => {
    const [whole, bucket, organization] = isName ? (form.exec(hostOf(host)) ?? []) : [];
    const named = hasOrganization && whole !== undefined ? organization : undefined;
    if (bucket === undefined) return { ...s3PathOf(target, 'path'), organization: named };
    return { bucket, key: s3PathOf(target, 'virtual-host').key, organization: named };
  };
}

/** Without its port, and without the dot of a name that is written out in full. */
const hostOf = (text: string): string => text.toLowerCase().replace(/\.?(?::\d+)?$/, '');

/** Whether a host that names this organization names that one. */
export const isOrganization = (named: string, organizationId: string): boolean =>
  named.replaceAll('-', '_') === organizationId.toLowerCase();
