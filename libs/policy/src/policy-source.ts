import { bucketNameRule, isBucketName, type Level, type RoleDefinition } from '@portcullis/authz';
import { Reader, type Located, type PolicyFault, type YamlNode } from './yaml-reader.js';

/** One file of a policy. Catalogue files come first, then the policy file, then what it includes. */
export interface PolicySource {
  /** How faults name it. */
  file: string;
  text: string;
  role: 'catalogue' | 'policy';
}

export interface WrittenPermission {
  name: string;
  line: number;
  title: string | undefined;
  in: Level | undefined;
  resource: 'bucket' | undefined;
}

export interface WrittenRole {
  name: string;
  line: number;
  definition: RoleDefinition;
  /** Line of an entry, by `field value`. */
  lines: ReadonlyMap<string, number>;
}

export interface WrittenUpstream {
  name: string;
  line: number;
  url: string;
  timeoutSeconds: number;
  audience: string;
  passAuthorization: boolean;
}

export interface WrittenRoute {
  line: number;
  match: string;
  permissions: Located<string>[];
  public: boolean;
  upstream: Located<string>;
}

/** What one file says, as far as it can be read, and what is wrong with the file by itself. */
export interface WrittenPolicy {
  source: PolicySource;
  /** Whether other files may not define its permissions and roles anew. */
  sealed: boolean;
  includes: Located<string>[];
  permissions: WrittenPermission[];
  roles: WrittenRole[];
  upstreams: WrittenUpstream[];
  routes: WrittenRoute[];
  buckets: (Located<string> & { organizationId: string })[];
  /** Roles that nobody may have together. */
  apart: Located<string>[][];
  faults: PolicyFault[];
}

const KEYS = {
  catalogue: ['version', 'sealed', 'permissions', 'roles'],
  policy: ['version', 'include', 'permissions', 'roles', 'upstreams', 'routes', 'storage', 'apart'],
};
const UPSTREAM_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const ORGANIZATION_ID = /^org_[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const LONGEST_TIMEOUT_SECONDS = 3600;

/** Reads one file. `variables` fill `${NAME}` and `${NAME:-default}` in the strings of an upstream. */
export function readSource(source: PolicySource, variables: Readonly<Record<string, string>>): WrittenPolicy {
  const reader = new Reader(source, variables);
  const written: WrittenPolicy = {
    source,
    sealed: false,
    includes: [],
    permissions: [],
    roles: [],
    upstreams: [],
    routes: [],
    buckets: [],
    apart: [],
    faults: reader.faults,
  };
  const root = reader.root();
  if (root === undefined) return written;

  const top = reader.fields(root, `a ${source.role} file`, KEYS[source.role]);
  if (reader.value(top.get('version')) !== 1) reader.fault(top.get('version') ?? root, '"version" must be 1');
  written.sealed = reader.flag(top.get('sealed'), 'sealed');
  written.includes = reader.strings(top.get('include'), 'include');
  for (const [name, node] of reader.entries(top.get('permissions'), 'permissions')) {
    written.permissions.push(readPermission(reader, name, node));
  }
  for (const [name, node] of reader.entries(top.get('roles'), 'roles')) {
    written.roles.push(readRole(reader, name, node, source.role));
  }
  for (const [name, node] of reader.entries(top.get('upstreams'), 'upstreams')) {
    written.upstreams.push(readUpstream(reader, name, node));
  }
  for (const node of reader.items(top.get('routes'), 'routes')) {
    const route = readRoute(reader, node);
    if (route) written.routes.push(route);
  }
  readBuckets(reader, top.get('storage'), written);
  for (const node of reader.items(top.get('apart'), 'apart')) {
    const duties = reader.strings(node, 'apart');
    if (duties.length < 2) reader.fault(node, 'what is kept apart is a list of two roles or more');
    written.apart.push(duties);
  }
  return written;
}

function readPermission(reader: Reader, name: string, node: YamlNode): WrittenPermission {
  const line = reader.line(node);
  const text = reader.value(node);
  if (typeof text === 'string') return { name, line, title: text, in: undefined, resource: undefined };
  const fields = reader.fields(node, `permission "${name}"`, ['title', 'in', 'resource']);
  return {
    name,
    line,
    title: reader.string(fields.get('title'), 'title'),
    in: reader.oneOf(fields.get('in'), 'in', ['read', 'read-write', 'none']),
    resource: reader.oneOf(fields.get('resource'), 'resource', ['bucket']),
  };
}

function readRole(reader: Reader, name: string, node: YamlNode, from: PolicySource['role']): WrittenRole {
  const keys = ['title', 'aliases', 'inherits', 'permissions', 'buckets', ...(from === 'catalogue' ? ['covers'] : [])];
  const fields = reader.fields(node, `role "${name}"`, keys);
  const lines = new Map<string, number>();
  const list = (field: string): string[] =>
    reader.strings(fields.get(field), field).map(({ value, line }) => {
      lines.set(`${field} ${value}`, line);
      return value;
    });
  const buckets = reader.oneOf(fields.get('buckets'), 'buckets', ['all']);
  const definition: RoleDefinition = {
    title: reader.string(fields.get('title'), 'title') ?? name,
    aliases: list('aliases'),
    inherits: list('inherits'),
    permissions: list('permissions'),
    covers: list('covers'),
    ...(buckets && { buckets }),
  };
  return { name, line: reader.line(node), definition, lines };
}

function readUpstream(reader: Reader, name: string, node: YamlNode): WrittenUpstream {
  if (!UPSTREAM_NAME.test(name)) {
    reader.fault(node, `"${name}" is no name for an upstream: lower-case letters, digits, "_", "-", at most 63`);
  }
  const keys = ['url', 'timeout_seconds', 'audience', 'pass_authorization'];
  const fields = reader.fields(node, `upstream "${name}"`, keys);
  const written = reader.filled(fields.get('url'), 'url');
  const audience = reader.filled(fields.get('audience'), 'audience');
  const timeoutSeconds = reader.whole(fields.get('timeout_seconds'), 'timeout_seconds', LONGEST_TIMEOUT_SECONDS) ?? 30;
  const passAuthorization = reader.flag(fields.get('pass_authorization'), 'pass_authorization');
  if (!fields.has('url')) reader.fault(node, `upstream "${name}" has no "url"`);
  const url = written === undefined ? undefined : upstreamUrl(written);
  if (written !== undefined && url === undefined) {
    const message = `"${written}" is no upstream: http or https, a host, no user, query or fragment`;
    reader.fault(fields.get('url') ?? node, message);
  }
  return {
    name,
    line: reader.line(node),
    url: url ?? '',
    timeoutSeconds,
    audience: audience ?? `upstream:${name}`,
    passAuthorization,
  };
}

function upstreamUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:\/\/[^/\\?#@]+(?:\/[^\\?#]*)?$/i.test(text)) return undefined;
  return url.href.replace(/\/+$/, '');
}

function readRoute(reader: Reader, node: YamlNode): WrittenRoute | undefined {
  const fields = reader.fields(node, 'a route', ['match', 'permission', 'public', 'upstream']);
  const match = reader.string(fields.get('match'), 'match');
  const upstream = reader.string(fields.get('upstream'), 'upstream');
  const isPublic = reader.flag(fields.get('public'), 'public');
  const permission = fields.get('permission');
  const permissions =
    typeof reader.value(permission) === 'string'
      ? [{ value: String(reader.value(permission)), line: reader.line(permission) }]
      : reader.strings(permission, 'permission');
  if (match === undefined && !fields.has('match')) reader.fault(node, 'a route has no "match"');
  if (upstream === undefined && !fields.has('upstream')) reader.fault(node, 'a route has no "upstream"');
  const protectedBy = permission !== undefined;
  if (protectedBy && isPublic) reader.fault(node, 'a route has both "permission" and "public"; it can have one');
  else if (!protectedBy && !isPublic) {
    reader.fault(node, 'a route has neither "permission" nor "public: true"; say which');
  } else if (protectedBy && permissions.length === 0) {
    reader.fault(permission, 'an empty list of permissions; for a route that needs none write "public: true"');
  }
  if (match === undefined || upstream === undefined) return undefined;
  const line = reader.line(node);
  return {
    line,
    match,
    permissions,
    public: isPublic,
    upstream: { value: upstream, line: reader.line(fields.get('upstream')) },
  };
}

function readBuckets(reader: Reader, node: YamlNode | undefined, written: WrittenPolicy): void {
  if (node === undefined) return;
  const fields = reader.fields(node, 'storage', ['buckets']);
  for (const [name, owner] of reader.entries(fields.get('buckets'), 'buckets')) {
    if (!isBucketName(name)) reader.fault(owner, `"${name}" is no name for a bucket: it ${bucketNameRule}`);
    const organizationId = reader.string(owner, name);
    if (organizationId === undefined) continue;
    if (!ORGANIZATION_ID.test(organizationId)) {
      reader.fault(owner, `bucket "${name}" must name its organization ("org_" and 26 characters)`);
    }
    written.buckets.push({ value: name, line: reader.line(owner), organizationId });
  }
}
