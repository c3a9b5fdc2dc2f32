import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Refused } from '../command.js';

/**
 * Reads a private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted. Refuses in a sentence that says what the file holds instead and
 * nothing of what is in it. A file that anyone can read is told of on standard error, and read: a container's mounts may be so.
 */
export function readPrivateKey(path: string): KeyObject {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
    if ((statSync(path).mode & 0o004) !== 0) process.stderr.write(`Anyone can read ${path}: chmod 600 ${path}\n`);
  } catch (error) {
    throw new Refused(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  const labels = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map(([, label = '']) => label);
  const isEncrypted = labels.includes('ENCRYPTED PRIVATE KEY') || text.includes('Proc-Type: 4,ENCRYPTED');
  if (isEncrypted)
    throw new Refused(`${path} is encrypted. Decrypt it for this: openssl pkey -in ${path} -out DECRYPTED`);
  if (labels.includes('OPENSSH PRIVATE KEY'))
    throw new Refused(`${path} is a key of OpenSSH's own form. Make one: openssl genpkey -algorithm ed25519 -out FILE`);
  if (!labels.some((label) => label.endsWith('PRIVATE KEY')))
    throw new Refused(
      labels.includes('PUBLIC KEY')
        ? `${path} is the public half. Requests are signed with the private one, which no server has.`
        : `${path} holds no private key in PEM (-----BEGIN PRIVATE KEY-----).`,
    );
  try {
    return createPrivateKey(text);
  } catch {
    // OpenSSL's own words may repeat parts of the key.
    throw new Refused(`${path} holds a private key that is damaged.`);
  }
}

/** A key pair whose private half is in a file already and nowhere else. */
export interface NewKeyPair {
  /** PEM. */
  readonly publicKey: string;
  /** Removes the file, if its public half was not registered. */
  drop(): void;
}

/** Makes an Ed25519 pair, the private half (PKCS#8, PEM) in a new file of mode 0600, on disk when this answers. Refuses without a file. */
export function generateInto(path: string): NewKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
      fsyncSync(file);
      syncFolder(dirname(path));
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new Refused(`${path} is there already: a private key goes into a new file. Nothing was asked for.`);
    throw new Refused(`${path} cannot be written (${code}). Nothing was asked for.`);
  }
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    drop: () => rmSync(path, { force: true }),
  };
}

/** A new file is found after a power cut only if its name is on disk too. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
