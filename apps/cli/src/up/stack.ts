import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, isPortFree, stopOrphan, type Log } from '@portcullis/embedded';
import { type Environment, Refused } from '../command.js';
import { askGateway } from '../gateway-client.js';
import { giveKeptReader, readerCredentials, removeReaderFile, serverOfHome, writeReaderFile } from '../audit/reader.js';
import { guardCredentials, removeGuardFile, writeGuardFile } from '../guard/guard-file.js';
import { readPolicy } from '../policy/read-policy.js';
import { databaseServices } from '../provision/database.js';
import { readOrMakeSecrets, writeSecrets, type Secrets } from '../provision/secrets.js';
import { notableLines } from './child-log.js';
import { embeddedDatabase, externalDatabase, type PreparedDatabase } from './database.js';
import { prepareExampleStore } from './example-store.js';
import { takeHome, type Home } from './home.js';
import { logFile } from './log-file.js';
import { embeddedBus, externalBus, type PreparedBus, trialReader } from './message-bus.js';
import { environmentFor, programNames, type ProgramName } from './programs.js';
import { type UpSettings } from './settings.js';
import { Supervised } from './supervised.js';

/** How long a gateway may take to finish what it has begun, and any program to end. */
const drainMs = 35_000;
/** How long the whole stack may take to become ready, once the servers run. */
const readyMs = 120_000;

export interface StackOptions {
  readonly settings: UpSettings;
  readonly env: Environment;
  /** The folder that holds `apps` and `examples`, built. */
  readonly checkout: string;
  readonly say: Log;
  /** Something happened that the stack cannot go on with. */
  readonly onFatal: (why: string) => void;
}

/** What the n-th process of a kind is called, n from 0. */
const nth = (name: string, n: number): string => (n === 0 ? name : `${name}-${n + 1}`);

/** The operator's own comes before the one that is started here. */
const exampleUpstream = (env: Environment, port: number) => ({
  PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL:
    env['PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL'] || `http://127.0.0.1:${port}`,
});

/** A whole installation on this machine: servers, services, gateways, the examples that stand behind them. */
export class Stack {
  readonly #options: StackOptions;
  #home: Home | undefined;
  #secrets: Secrets | undefined;
  #database: PreparedDatabase | undefined;
  #bus: PreparedBus | undefined;
  #gateways: Supervised[] = [];
  #services: Supervised[] = [];
  #stopping: Promise<void> | undefined;

  constructor(options: StackOptions) {
    this.#options = options;
  }

  get home(): string {
    return this.#home?.path ?? '';
  }

  /** Starts everything, in order, and resolves when the gateways can decide. If anything refuses, what was started is for `stop`. */
  async start(): Promise<void> {
    const { settings, say, onFatal, env } = this.#options;
    this.#everythingIsBuilt();
    this.#home = takeHome(settings.PORTCULLIS_HOME);
    await this.#stopOrphans(); // before looking at the ports: a gateway of a killed run would hold them
    await this.#portsAreFree();
    await this.#policyIsGood(); // the gateway would refuse it too, once the servers run
    const secrets = (this.#secrets = readOrMakeSecrets(this.#home.file('secrets.json')));
    this.#database = settings.DATABASE_URL
      ? await externalDatabase(settings.DATABASE_URL, secrets, say, onFatal)
      : await embeddedDatabase(this.#home, secrets, say);
    this.#goOn();
    const auditDays = settings.PORTCULLIS_AUDIT_RETENTION_DAYS;
    this.#bus = settings.NATS_URL
      ? await externalBus(settings.NATS_URL, secrets, say, auditDays)
      : await embeddedBus(this.#home, secrets, env, say, auditDays);
    this.#goOn();
    this.#tellGuards();
    await this.#tellReader();

    const store = await prepareExampleStore(env, this.#home);
    const examples = store ? 'the example upstream and object store' : 'the example upstream';
    say(`Starting identity, api-key, client-registry, audit, gateway, and ${examples}.`);
    const examplePort = (await this.#home.lastPort('example-upstream')) ?? (await freePort());
    this.#home.rememberPort('example-upstream', examplePort);
    const forAll = {
      PORTCULLIS_POLICY: settings.policyPath,
      PORTCULLIS_PUBLIC_URL: settings.publicUrl,
      ...exampleUpstream(env, examplePort),
    };
    const keyEncryption = {
      PORTCULLIS_KEY_ENCRYPTION_KEY: settings.PORTCULLIS_KEY_ENCRYPTION_KEY ?? secrets.keyEncryptionKey,
    };
    const tokenEncryption = {
      PORTCULLIS_TOKEN_ENCRYPTION_KEY: settings.PORTCULLIS_TOKEN_ENCRYPTION_KEY ?? secrets.tokenEncryptionKey,
    };
    // The authority of S3 signatures and the gateways that check them go by the same words.
    const objectStorage = { S3_PUBLIC_URL: settings.s3PublicUrl, S3_REGION: settings.S3_REGION };
    const firstAdmin = {
      PORTCULLIS_FIRST_ADMIN_EMAIL: settings.PORTCULLIS_FIRST_ADMIN_EMAIL,
      PORTCULLIS_FIRST_ADMIN_PASSWORD:
        settings.PORTCULLIS_FIRST_ADMIN_PASSWORD ?? secrets.firstAdminPassword ?? undefined,
    };
    const { urls } = this.#database;
    const bus = this.#bus.urls;
    const made = {
      identity: { ...forAll, ...keyEncryption, ...tokenEncryption, ...firstAdmin },
      'api-key': { ...forAll, ...keyEncryption, ...objectStorage },
      'client-registry': forAll,
      audit: { ...forAll, ...keyEncryption },
    };
    this.#services = [
      ...databaseServices.flatMap((name) =>
        Array.from({ length: settings.PORTCULLIS_REPLICAS }, (_, n) =>
          this.#program(nth(name, n), name, { ...made[name], DATABASE_URL: urls[name], NATS_URL: bus[name] }),
        ),
      ),
      this.#program('example-upstream', 'example-upstream', { PORT: String(examplePort) }),
      ...(store ? [this.#program('example-object-store', 'example-object-store', store.environment)] : []),
    ];
    this.#gateways = settings.gateways.map(({ port, s3Port }, n) =>
      this.#program(
        nth('gateway', n),
        'gateway',
        {
          ...forAll,
          ...tokenEncryption,
          ...objectStorage,
          ...store?.forGateways,
          PORTCULLIS_SPILL_DIRECTORY: this.#home!.file('spill', nth('gateway', n)),
          NATS_URL: bus.gateway,
          PORT: String(port),
          S3_PORT: String(s3Port),
        },
        async () => (await askGateway({ port, tls: this.#tls }, { path: '/readyz' })) === 200,
      ),
    );
    const all = [...this.#services, ...this.#gateways];
    for (const program of all) {
      this.#goOn();
      program.start();
    }
    await this.#allReady(all);
  }

  /**
   * The first administrator's password if it was made up here and has not been shown yet. It is tried first: only one that
   * opens the door is worth showing. After that it is kept nowhere.
   */
  async takeNewPassword(): Promise<string | null> {
    const { settings } = this.#options;
    const password = this.#secrets?.firstAdminPassword;
    if (!this.#secrets || !this.#home || !password) return null;
    const given = settings.PORTCULLIS_FIRST_ADMIN_PASSWORD !== undefined;
    const gateway = settings.gateways[0];
    if (!gateway) return null;
    const body = {
      email: settings.PORTCULLIS_FIRST_ADMIN_EMAIL,
      password: given ? settings.PORTCULLIS_FIRST_ADMIN_PASSWORD : password,
    };
    const status = await askGateway(
      { port: gateway.port, tls: this.#tls },
      { method: 'POST', path: '/v1/login', body },
    ).catch(() => 0);
    if (status !== 200 && status !== 401) return null; // not known: it is tried again at the next start
    const file = this.#home.file('secrets.json');
    writeSecrets(file, { ...readOrMakeSecrets(file), firstAdminPassword: null });
    return status === 200 && !given ? password : null;
  }

  /** Ends everything in the order in which it leans on each other. Safe to call at any time, and twice. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stopAll());
  }

  /** Ends all programs at once, without waiting for what they were doing. The servers still go down in good order. */
  hurry(): void {
    for (const program of [...this.#gateways, ...this.#services]) program.kill();
  }

  async #stopAll(): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.stop(drainMs)));
    await Promise.all(this.#services.map((service) => service.stop(drainMs)));
    await this.#bus?.stop();
    await this.#database?.stop();
    this.#home?.release();
  }

  get #tls(): boolean {
    return this.#options.settings.PORTCULLIS_TLS_CERT !== undefined;
  }

  /** A file of an earlier start must not stay where it would join a guard to another server. */
  #tellGuards(): void {
    const { settings, env } = this.#options;
    const path = this.#home!.file('guard.json');
    const url = this.#bus!.guardUrl;
    if (url === null) return removeGuardFile(path);
    const audience = env['PORTCULLIS_TOKEN_AUDIENCE'] || settings.publicUrl;
    writeGuardFile(path, guardCredentials(url, { issuer: settings.publicUrl, audience }));
  }

  /** One reader of the record for trying out. */
  async #tellReader(): Promise<void> {
    const home = this.#home!;
    const url = this.#bus!.readersUrl;
    const path = home.file('audit-consumer.json');
    if (url === null) return removeReaderFile(path);
    const password = await giveKeptReader(serverOfHome(home.path, url), trialReader);
    writeReaderFile(path, readerCredentials(trialReader, url, password));
  }

  /** A stop was asked for while something was being started: nothing more is. */
  #goOn(): void {
    if (this.#stopping) throw new Refused('Stopped before it was ready.');
  }

  #script(kind: ProgramName): string {
    const { checkout } = this.#options;
    if (kind === 'example-upstream') return join(checkout, 'examples/upstream/server.mjs');
    if (kind === 'example-object-store') return join(checkout, 'examples/object-store/server.mjs');
    return join(checkout, 'apps', kind, 'dist/main.js');
  }

  #everythingIsBuilt(): void {
    for (const kind of programNames)
      if (!existsSync(this.#script(kind))) throw new Refused(`${kind} is not built: run npm run build first.`);
  }

  /** The home is ours, so whatever is recorded in it was left behind by a run that was killed. */
  async #stopOrphans(): Promise<void> {
    const { say } = this.#options;
    const home = this.#home!;
    const stop = (name: string) => stopOrphan(home.file('run', name), { what: name, graceMs: 10_000, log: say });
    await Promise.all(readdirSync(home.file('run')).map(stop));
  }

  async #portsAreFree(): Promise<void> {
    for (const { port, s3Port } of this.#options.settings.gateways)
      for (const [variable, number] of [
        ['PORT', port],
        ['S3_PORT', s3Port],
      ] as const)
        if (!(await isPortFree(number, '0.0.0.0'))) {
          const privileged = number < 1024 ? ', or this user may not listen on it' : '';
          throw new Refused(`Port ${number} is taken${privileged}: set ${variable} to another one.`);
        }
  }

  async #policyIsGood(): Promise<void> {
    const { settings, env } = this.#options;
    await readPolicy(settings.policyPath, { ...env, ...exampleUpstream(env, 1) });
  }

  #program(
    name: string,
    kind: ProgramName,
    made: Record<string, string | undefined>,
    isReady?: () => Promise<boolean>,
  ): Supervised {
    const { env, say, onFatal } = this.#options;
    const home = this.#home!;
    const keep = logFile(home.file('logs', `${name}.log`));
    const show = notableLines(name, say);
    return new Supervised(
      {
        name,
        command: process.execPath,
        args: ['--enable-source-maps', this.#script(kind)],
        env: environmentFor(kind, env, made),
        record: home.file('run', name),
        output: (line) => {
          keep(line);
          show(line);
        },
        ...(isReady ? { isReady } : {}),
      },
      say,
      onFatal,
    );
  }

  async #allReady(programs: readonly Supervised[]): Promise<void> {
    const waiting = new Set(programs.map(({ name }) => name));
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new Refused(
            `${[...waiting].join(', ')} did not become ready within ${readyMs / 1000} s: the logs are in ${this.#home?.file('logs')}.`,
          ),
        );
      }, readyMs);
    });
    const ready = programs.map(async (program) => {
      await program.ready;
      waiting.delete(program.name);
    });
    try {
      await Promise.race([Promise.all(ready), tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }
}
