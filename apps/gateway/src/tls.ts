import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, watch as watchFile } from 'node:fs';
import { type Server } from 'node:http';
import { type Server as TlsServer } from 'node:tls';
import { basename, dirname } from 'node:path';

/** What keeps a certificate and its key from being used; the message names the setting, never a content. */
export class TlsFault extends Error {
  override readonly name = 'TlsFault';
}

interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Several writes of a renewal count as one. */
const settleMilliseconds = 200;

/**
 * The certificate (PEM, with its chain) and private key of a listener, TLS 1.2 and up. They are read at once, and again when a file
 * is replaced or the process gets SIGHUP: connections that come after that get the new one. A renewal that cannot be used changes nothing.
 */
export class TlsIdentity {
  #pair: TlsPair;
  readonly #servers = new Set<Server>();

  /** Throws `TlsFault`. */
  constructor(
    private readonly files: { readonly certPath: string; readonly keyPath: string },
    private readonly report: (line: string) => void,
  ) {
    this.#pair = readPair(files);
  }

  get serverOptions() {
    return { ...this.#pair, minVersion: 'TLSv1.2' as const, ALPNProtocols: ['http/1.1'] };
  }

  /** Keeps `server` at what the files hold, until it closes. */
  watch(server: Server): void {
    this.#servers.add(server);
    let timer: NodeJS.Timeout | undefined;
    const renew = () => {
      try {
        const pair = readPair(this.files);
        if (pair.cert.equals(this.#pair.cert) && pair.key.equals(this.#pair.key)) return;
        this.#pair = pair;
        // Whichever of several listeners sees it first.
        for (const each of this.#servers) (each as unknown as TlsServer).setSecureContext(this.serverOptions);
        this.report(`the TLS certificate was renewed; it is valid until ${new X509Certificate(pair.cert).validTo}`);
      } catch (error) {
        if (!(error instanceof TlsFault)) throw error;
        this.report(`the TLS certificate stays as it was: ${error.message}`);
      }
    };
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(renew, settleMilliseconds).unref();
    };
    const names = Object.values(this.files).map((path) => basename(path));
    // Folders, not files: a renewal puts another file, or another link, in the place of the old one.
    const watchers = [...new Set(Object.values(this.files).map((path) => dirname(path)))].map((folder) =>
      // A mounted secret is renewed by way of a link beside it (`..data`).
      watchFile(folder, { persistent: false }, (_what, name) => {
        if (name === null || names.includes(name) || name.startsWith('..')) soon();
      }),
    );
    process.on('SIGHUP', renew);
    server.once('close', () => {
      this.#servers.delete(server);
      clearTimeout(timer);
      process.off('SIGHUP', renew);
      for (const watcher of watchers) watcher.close();
    });
  }
}

function readPair({ certPath, keyPath }: { certPath: string; keyPath: string }): TlsPair {
  const [cert, key] = [read('PORTCULLIS_TLS_CERT', certPath), read('PORTCULLIS_TLS_KEY', keyPath)];
  const certificate = attempt(() => new X509Certificate(cert), 'PORTCULLIS_TLS_CERT is not a certificate in PEM form.');
  const privateKey = attempt(
    () => createPrivateKey(key),
    'PORTCULLIS_TLS_KEY is not a private key in PEM form without a passphrase.',
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new TlsFault('PORTCULLIS_TLS_KEY is not the key of the certificate in PORTCULLIS_TLS_CERT.');
  }
  return { cert, key };
}

function read(setting: string, path: string): Buffer {
  return attempt(() => readFileSync(path), `${setting} names a file that cannot be read.`);
}

function attempt<T>(what: () => T, fault: string): T {
  try {
    return what();
  } catch {
    throw new TlsFault(fault);
  }
}
