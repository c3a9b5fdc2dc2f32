import { type Environment } from '../command.js';

/** Every program that reads the policy. */
const policy = [
  'PORTCULLIS_POLICY',
  'PORTCULLIS_CATALOGUE_DIRECTORY',
  'PORTCULLIS_VARIABLE_*',
  'PORTCULLIS_LEASE_SECONDS',
];

/** Every program that has a database. */
const kept = ['PORTCULLIS_OUTBOX_BOUND'];

/**
 * Which variables of the operator each program gets, beside what `up` makes for it. Nothing else of our environment goes
 * to a child: what it does not hold it cannot leak. `NAME*` stands for all that begin so.
 */
const passes = {
  gateway: [
    ...policy,
    'PORTCULLIS_KEY_PREFIX',
    'PORTCULLIS_KEY_PREFIXES_ACCEPTED',
    'PORTCULLIS_TRUSTED_PROXIES',
    'PORTCULLIS_TOKEN_AUDIENCE',
    'PORTCULLIS_WORKERS',
    'PORTCULLIS_TLS_CERT',
    'PORTCULLIS_TLS_KEY',
    'PORTCULLIS_DECISION_PEERS',
    'PORTCULLIS_CONSOLE',
    'S3_PUBLIC_URL',
    'S3_REGION',
    'S3_UPSTREAM_*',
  ],
  identity: [
    ...policy,
    ...kept,
    'PORTCULLIS_ADMIN_PASSWORD_HASH',
    'PORTCULLIS_ACCESS_TOKEN_SECONDS',
    'PORTCULLIS_REFRESH_TOKEN_SECONDS',
    'PORTCULLIS_REFRESH_OVERLAP_SECONDS',
    'PORTCULLIS_TOKEN_AUDIENCE',
    'PORTCULLIS_FAMILY_DAYS',
    'PORTCULLIS_SIGNING_KEY_DAYS',
    'PORTCULLIS_ROLE_TOKEN_*',
    'PORTCULLIS_SMTP_*',
  ],
  'api-key': [
    ...policy,
    ...kept,
    'PORTCULLIS_KEY_PREFIX',
    'PORTCULLIS_KEY_PREFIXES_ACCEPTED',
    'PORTCULLIS_KEY_UNUSED_DAYS',
    'PORTCULLIS_REQUESTS_DAYS',
    'S3_PUBLIC_URL',
    'S3_REGION',
  ],
  'client-registry': [...policy, ...kept],
  audit: [...policy, ...kept, 'PORTCULLIS_AUDIT_ORIGIN', 'PORTCULLIS_AUDIT_KEY_DAYS', 'PORTCULLIS_WEBHOOK_ALLOW'],
  'example-upstream': [],
  'example-object-store': [],
} satisfies Record<string, readonly string[]>;

export type ProgramName = keyof typeof passes;
/** The names, or `NAME*`, of the operator's variables that a program gets. */
export const variablesOf = (program: ProgramName): readonly string[] => passes[program];
export const programNames = Object.keys(passes) as ProgramName[];

/** Read by `up` itself. */
const ownVariables = [
  'PORTCULLIS_HOME',
  'PORTCULLIS_GATEWAYS',
  'PORTCULLIS_REPLICAS',
  'PORTCULLIS_PUBLIC_URL',
  'PORTCULLIS_READY_FILE',
  'PORTCULLIS_NATS_SERVER',
  'PORTCULLIS_FIRST_ADMIN_EMAIL',
  'PORTCULLIS_FIRST_ADMIN_PASSWORD',
  'PORTCULLIS_KEY_ENCRYPTION_KEY',
  'PORTCULLIS_TOKEN_ENCRYPTION_KEY',
];

/** Read by the commands that ask a gateway: whoever exports them for those is not told that they do nothing here. */
const ofOtherCommands = ['PORTCULLIS_TOKEN', 'PORTCULLIS_URL'];

/** Of the machine: how programs are found, where temporary files go, which authorities are trusted. */
const machine = ['PATH', 'TMPDIR', 'TZ', 'LANG', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];

/** The whole environment of one program: the machine's part, the operator's part, and what `made` adds or overrides. */
export function environmentFor(
  program: ProgramName,
  env: Environment,
  made: Readonly<Record<string, string | undefined>>,
): NodeJS.ProcessEnv {
  const child: NodeJS.ProcessEnv = { NODE_ENV: 'production' };
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue;
    if (machine.includes(name) || (passes[program] as readonly string[]).some((pattern) => matches(pattern, name)))
      child[name] = value;
  }
  for (const [name, value] of Object.entries(made)) {
    if (value === undefined) continue;
    child[name] = value;
    delete child[`${name}_FILE`]; // both at once would be a fault
  }
  return child;
}

/** Names that begin like ours and are none: most likely typing errors, which would otherwise be silently without effect. */
export function unknownVariables(env: Environment): string[] {
  const known = [...ownVariables, ...ofOtherCommands, ...Object.values(passes).flat()];
  return Object.keys(env)
    .filter((name) => name.startsWith('PORTCULLIS_') && !known.some((pattern) => matches(pattern, name)))
    .sort();
}

/** A variable or its `_FILE` form. */
function matches(pattern: string, name: string): boolean {
  if (pattern.endsWith('*')) return name.startsWith(pattern.slice(0, -1));
  return name === pattern || name === `${pattern}_FILE`;
}
