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
  container_name?: string;
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  deploy?: { replicas: string };
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

/** `${NAME:-value}` as compose fills it in when NAME is not set, everywhere in a text. */
const filledIn = (text: string): string => {
  const inner = /\$\{\w+:-((?:[^${}]|\$\{[^{}]*\})*)\}/g;
  const filled = text.replaceAll(inner, (_, value: string) => value);
  return filled === text ? text : filledIn(filled);
};

const gateways = ['gateway', 'gateway-2', 'gateway-3'];
/** Which of the containers run which program of `up`. */
const running = (program: ProgramName): string[] => (program === 'gateway' ? gateways : [program]);

/** What `up` makes for each program, whatever the operator's variables are. */
const made: Record<ProgramName, string[]> = {
  identity: [
    'DATABASE_URL',
    'NATS_URL',
    'PORTCULLIS_PUBLIC_URL',
    'PORTCULLIS_KEY_ENCRYPTION_KEY',
    'PORTCULLIS_TOKEN_ENCRYPTION_KEY',
    'PORTCULLIS_FIRST_ADMIN_EMAIL',
    'PORTCULLIS_FIRST_ADMIN_PASSWORD',
  ],
  'api-key': ['DATABASE_URL', 'NATS_URL', 'PORTCULLIS_PUBLIC_URL'],
  'client-registry': ['DATABASE_URL', 'NATS_URL', 'PORTCULLIS_PUBLIC_URL'],
  audit: ['DATABASE_URL', 'NATS_URL', 'PORTCULLIS_PUBLIC_URL', 'PORTCULLIS_KEY_ENCRYPTION_KEY'],
  gateway: ['NATS_URL', 'PORT', 'S3_PORT', 'PORTCULLIS_PUBLIC_URL', 'PORTCULLIS_TOKEN_ENCRYPTION_KEY'],
  'example-upstream': ['PORT', 'HOST'],
};
/** Paths of files that would have to be mounted first: that is an edit of the compose file anyway. */
const needsMount = ['PORTCULLIS_CATALOGUE_DIRECTORY', 'PORTCULLIS_TLS_CERT', 'PORTCULLIS_TLS_KEY'];

const withoutFile = (name: string): string => name.replace(/_FILE$/, '');

test('every program that `up` starts is there, under the same script', () => {
  for (const program of programNames) {
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
    expect(ports.map(filledIn)).toEqual([
      `127.0.0.1:${port}:${environment['PORT']}`,
      `127.0.0.1:${s3Port}:${environment['S3_PORT']}`,
    ]);
    expect(awaited).toEqual(
      Object.fromEntries(databaseServices.map((service) => [service, { condition: 'service_healthy' }])),
    );
    expect(services[name]?.healthcheck?.test.slice(-2)).toEqual(['health', 'gateway']);
  }
  const published = gateways.flatMap((name) => services[name]?.ports ?? []);
  expect(new Set(published.map((port) => /\$\{(\w+):-\d+\}/.exec(port)?.[1])).size).toBe(6);
});

describe.each(programNames.flatMap((program) => running(program).map((name) => [name, program] as const)))(
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
  beforeAll(() => writeComposeFiles(folder, {}, () => undefined));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('each container mounts its own alone, and every file that it names is made for it', () => {
    for (const [name, { environment = {}, volumes = [] }] of Object.entries(services)) {
      if (name === 'secrets') continue;
      const secret = volumes.filter((volume) => volume.startsWith('secrets-'));
      const own = `secrets-${name.replace(/-\d$/, '')}`;
      expect(secret.filter((volume) => volume !== `${own}:/secrets:ro`)).toEqual([]);
      for (const [variable, path] of Object.entries(environment)) {
        if (!variable.endsWith('_FILE')) continue;
        expect([
          name,
          variable,
          existsSync(join(folder, own.slice('secrets-'.length), path.slice('/secrets/'.length))),
        ]).toEqual([name, variable, true]);
      }
    }
  });

  test('every folder of them is a volume, which the container that makes them fills', () => {
    const filled = (services['secrets']?.volumes ?? []).map((volume) => volume.split(':'));
    for (const part of readdirSync(folder)) {
      expect(filled).toContainEqual([`secrets-${part}`, `/secrets/${part}`]);
      expect(Object.keys(compose.volumes)).toContain(`secrets-${part}`);
    }
  });
});
