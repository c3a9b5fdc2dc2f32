import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { environmentFor, type ProgramName, programNames, variablesOf } from '../up/programs.js';
import { readUpSettings } from '../up/settings.js';
import { writeComposeFiles } from './compose-files.js';
import { databaseServices } from './database.js';

const checkout = resolve(import.meta.dirname, '../../../..');
const compose = parse(readFileSync(join(checkout, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Container>;
  volumes: Record<string, unknown>;
};
const { services } = compose;

interface Container {
  image?: string;
  command?: string[];
  entrypoint?: string[];
  profiles?: string[];
  pid?: string;
  user?: string;
  container_name?: string;
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  deploy?: { replicas: string };
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

/** `${NAME:-value}` and `${NAME:+value}` as compose fills them in, everywhere in a text, where only these names are set. */
const filledIn = (text: string, set: Readonly<Record<string, string>> = {}): string => {
  const inner = /\$\{(\w+):([-+])([^${}]*)\}/g;
  const filled = text.replaceAll(inner, (_, name: string, when: string, value: string) =>
    when === '-' ? (set[name] ?? value) : name in set ? value : '',
  );
  return filled === text ? text : filledIn(filled, set);
};

const gateways = ['gateway', 'gateway-2', 'gateway-3'];
/** The store of the examples is for trying out on one machine: here S3 is there once an upstream is named. */
type Composed = Exclude<ProgramName, 'example-object-store'>;
const composed = programNames.filter((name): name is Composed => name !== 'example-object-store');
/** Which of the containers run which program of `up`. */
const running = (program: Composed): string[] => (program === 'gateway' ? gateways : [program]);

/** What `up` makes for each program, whatever the operator's variables are. */
const made: Record<Composed, string[]> = {
  identity: [
    'DATABASE_URL',
    'NATS_URL',
    'PORTCULLIS_PUBLIC_URL',
    'PORTCULLIS_KEY_ENCRYPTION_KEY',
    'PORTCULLIS_TOKEN_ENCRYPTION_KEY',
    'PORTCULLIS_FIRST_ADMIN_EMAIL',
    'PORTCULLIS_FIRST_ADMIN_PASSWORD',
  ],
  'api-key': ['DATABASE_URL', 'NATS_URL', 'PORTCULLIS_PUBLIC_URL', 'PORTCULLIS_KEY_ENCRYPTION_KEY', 'S3_PUBLIC_URL'],
  'client-registry': ['DATABASE_URL', 'NATS_URL', 'PORTCULLIS_PUBLIC_URL'],
  audit: ['DATABASE_URL', 'NATS_URL', 'PORTCULLIS_PUBLIC_URL', 'PORTCULLIS_KEY_ENCRYPTION_KEY'],
  gateway: [
    ...['NATS_URL', 'PORT', 'S3_PORT', 'PORTCULLIS_PUBLIC_URL', 'PORTCULLIS_TOKEN_ENCRYPTION_KEY', 'S3_PUBLIC_URL'],
    ...['S3_UPSTREAM_URL', 'S3_UPSTREAM_ACCESS_KEY_ID', 'S3_UPSTREAM_SECRET_ACCESS_KEY', 'S3_UPSTREAM_REGION'],
    'PORTCULLIS_SPILL_DIRECTORY',
  ],
  'example-upstream': ['PORT', 'HOST'],
};
/** Paths of files that would have to be mounted first: that is an edit of the compose file anyway. */
const needsMount = [
  'PORTCULLIS_CATALOGUE_DIRECTORY',
  'PORTCULLIS_CONSOLE',
  'PORTCULLIS_TLS_CERT',
  'PORTCULLIS_TLS_KEY',
];

const withoutFile = (name: string): string => name.replace(/_FILE$/, '');

test('every program that `up` starts is there, under the same script', () => {
  for (const program of composed) {
    for (const name of running(program)) {
      const script = program === 'example-upstream' ? '/example/server.mjs' : `apps/${program}/dist/main.js`;
      expect([name, services[name]?.command?.at(-1)]).toEqual([name, script]);
    }
  }
});

test('two replicas of each service, and nothing in it that only one process can have', () => {
  for (const name of databaseServices) {
    const service = services[name];
    expect(filledIn(service?.deploy?.replicas ?? '')).toBe('2');
    expect(service?.container_name).toBeUndefined();
    expect(service?.ports).toBeUndefined();
    for (const volume of service?.volumes ?? []) expect(volume).toMatch(/:ro$/);
  }
});

test('three gateways on the ports that `up` would give them, each of which waits for all services', () => {
  const expected = readUpSettings({ PORTCULLIS_GATEWAYS: '3' }, checkout).gateways;
  expect(Object.keys(services).filter((name) => name.startsWith('gateway'))).toEqual(gateways);
  for (const [n, name] of gateways.entries()) {
    const { port, s3Port } = expected[n] ?? {};
    const { ports = [], environment = {}, depends_on: awaited = {} } = services[name] ?? {};
    expect(ports.map((text) => filledIn(text))).toEqual([
      `127.0.0.1:${port}:${environment['PORT']}`,
      `127.0.0.1:${s3Port}:${environment['S3_PORT']}`,
    ]);
    expect(awaited).toEqual(
      Object.fromEntries(databaseServices.map((service) => [service, { condition: 'service_healthy' }])),
    );
    expect(services[name]?.healthcheck?.test.slice(-2)).toEqual(['health', 'gateway']);
    // No two may share one.
    expect(services[name]?.volumes).toContain(`spill-${name}:${environment['PORTCULLIS_SPILL_DIRECTORY']}`);
  }
  const published = gateways.flatMap((name) => services[name]?.ports ?? []);
  expect(new Set(published.map((port) => /\$\{(\w+):-\d+\}/.exec(port)?.[1])).size).toBe(6);
});

describe.each(composed.flatMap((program) => running(program).map((name) => [name, program] as const)))(
  '%s',
  (name, program) => {
    const names = Object.keys(services[name]?.environment ?? {}).map(withoutFile);
    const isPassed = (variable: string): boolean => variable in environmentFor(program, { [variable]: 'x' }, {});

    test('is given only variables that `up` would give it', () => {
      expect(names.filter((variable) => !isPassed(variable) && !made[program].includes(variable))).toEqual([]);
      expect(new Set(names).size).toBe(names.length);
    });

    test('is given everything that `up` makes for it, and whatever else an operator may set', () => {
      const settable = variablesOf(program).filter(
        (variable) => !variable.endsWith('*') && !needsMount.includes(variable),
      );
      expect([...made[program], ...settable].filter((variable) => !names.includes(variable))).toEqual([]);
    });
  },
);

describe('secrets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-compose-'));
  const withS3 = { S3_UPSTREAM_URL: 'https://s3.example.com', S3_UPSTREAM_SECRET_ACCESS_KEY: 'of-the-upstream' };
  beforeAll(() => writeComposeFiles(folder, withS3, () => undefined));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('each container mounts its own alone, and every file that it names is made for it', () => {
    for (const [name, { environment = {}, volumes = [] }] of Object.entries(services)) {
      // What an operator runs by hand, to make readers of the events.
      if (name === 'secrets' || name === 'consumer') continue;
      const secret = volumes.filter((volume) => volume.startsWith('secrets-'));
      const own = `secrets-${name.replace(/-\d$/, '')}`;
      expect(secret.filter((volume) => volume !== `${own}:/secrets:ro`)).toEqual([]);
      for (const [variable, text] of Object.entries(environment)) {
        if (!variable.endsWith('_FILE')) continue;
        const path = filledIn(text, withS3);
        expect([
          name,
          variable,
          existsSync(join(folder, own.slice('secrets-'.length), path.slice('/secrets/'.length))),
        ]).toEqual([name, variable, true]);
      }
    }
  });

  test('S3 is off until an upstream is named, and then the gateways alone have its secret, as a file', () => {
    for (const name of ['api-key', ...gateways]) {
      const url = services[name]?.environment?.['S3_PUBLIC_URL'] ?? '';
      expect([filledIn(url), filledIn(url, withS3)]).toEqual(['', 'http://127.0.0.1:9000']);
      expect(filledIn(url, { ...withS3, S3_PUBLIC_URL: 'https://s3.mine' })).toBe('https://s3.mine');
    }
    const holding = readdirSync(folder).filter((part) =>
      readdirSync(join(folder, part)).some((file) => {
        return readFileSync(join(folder, part, file), 'utf8').includes(withS3.S3_UPSTREAM_SECRET_ACCESS_KEY);
      }),
    );
    expect(holding).toEqual(['gateway']);
    const secretFile = services['gateway']?.environment?.['S3_UPSTREAM_SECRET_ACCESS_KEY_FILE'] ?? '';
    expect(filledIn(secretFile)).toBe('');
    const other = mkdtempSync(join(tmpdir(), 'portcullis-compose-'));
    expect(() => writeComposeFiles(other, { S3_UPSTREAM_URL: 'https://s3.example.com' }, () => undefined)).toThrow(
      /S3_UPSTREAM_SECRET_ACCESS_KEY is not set/,
    );
    rmSync(other, { recursive: true });
  });

  test('identity, api-key and audit wrap under the same key, which nobody else has', () => {
    const holding = readdirSync(folder).filter((part) => existsSync(join(folder, part, 'key-encryption-key')));
    expect(holding).toEqual(['api-key', 'audit', 'identity']);
    const keys = holding.map((part) => readFileSync(join(folder, part, 'key-encryption-key'), 'utf8'));
    expect(new Set(keys).size).toBe(1);
  });

  test('every folder of them is a volume, which the container that makes them fills', () => {
    const filled = (services['secrets']?.volumes ?? []).map((volume) => volume.split(':'));
    for (const part of readdirSync(folder)) {
      expect(filled).toContainEqual([`secrets-${part}`, `/secrets/${part}`]);
      expect(Object.keys(compose.volumes)).toContain(`secrets-${part}`);
    }
  });

  test('a reader of the events is made in the configuration that nats-server reads, beside its process', () => {
    const { consumer, nats } = services;
    expect(consumer).toMatchObject({ profiles: ['tools'], pid: 'service:nats', user: nats?.user });
    expect(consumer?.volumes).toEqual(['secrets-provision:/secrets', 'secrets-nats:/nats']);
    const [, config = ''] = /^\/secrets\/(.+)$/.exec(nats?.command?.at(-1) ?? '') ?? [];
    const given = consumer?.entrypoint ?? [];
    expect(given.slice(given.indexOf('--nats-config'))).toEqual([
      '--nats-config',
      `/nats/${config}`,
      '--nats-pid',
      '1',
    ]);
    expect(existsSync(join(folder, 'nats', config))).toBe(true);
    const [url = ''] = given.slice(given.indexOf('--server') + 1);
    expect(readFileSync(join(folder, 'provision', 'nats-url'), 'utf8')).toContain(url.slice('nats://'.length));
    expect(existsSync(join(folder, 'provision', 'secrets.json'))).toBe(true);
  });
});
