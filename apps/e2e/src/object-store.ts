import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

const script = resolve(import.meta.dirname, '../../../examples/object-store/server.mjs');

/** The example store of `examples/object-store` as a process on a folder of its own, with no gateway before it. */
export class ObjectStore {
  readonly credentials = {
    accessKeyId: 'AKIA0123456789ABCDEF',
    secretAccessKey: 'a secret of forty characters, as S3 does',
  };
  readonly directory = mkdtempSync(join(tmpdir(), 'object-store-'));
  #process: ChildProcess | undefined;
  #port = 0;

  async start(): Promise<this> {
    const child = (this.#process = spawn(process.execPath, [script], {
      env: {
        PORT: String(this.#port), // after a restart the same, so that clients need not know
        OBJECT_STORE_DIRECTORY: this.directory,
        OBJECT_STORE_ACCESS_KEY_ID: this.credentials.accessKeyId,
        OBJECT_STORE_SECRET_ACCESS_KEY: this.credentials.secretAccessKey,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    }));
    child.stdout!.setEncoding('utf8');
    const [line] = (await once(child.stdout!, 'data')) as [string];
    this.#port = (JSON.parse(line) as { port: number }).port;
    return this;
  }

  get port(): number {
    return this.#port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves to its exit code, null if a signal ended it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#process!;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill(signal);
    return ((await once(child, 'exit')) as [number | null])[0];
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  client(changes: Partial<S3ClientConfig> = {}): S3Client {
    return new S3Client({
      endpoint: this.url,
      region: 'us-east-1',
      credentials: this.credentials,
      forcePathStyle: true,
      maxAttempts: 1,
      ...changes,
    });
  }
}
