import { readFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId } from '@portcullis/contracts';
import { selfSignedCertificate } from '@portcullis/testing';
import { anS3Gateway } from '../../spec/s3-gateway.js';
import { signedHead, Wire } from '../../spec/s3-raw.js';
import { type S3Key } from '../../spec/s3-services.js';
import { TlsIdentity } from '../tls.js';
import { isOrganization, s3Addresses } from './address.js';

describe('bucket and key are read from host and path', () => {
  const at = s3Addresses('https://{organization}.s3.example.com:9000');
  test.each([
    ['org_01ab.s3.example.com', '/b/k', 'b', 'k', 'org_01ab'],
    ['b.org_01ab.s3.example.com:9000', '/k/l', 'b', 'k/l', 'org_01ab'],
    ['B.ORG_01AB.S3.EXAMPLE.COM', '/k', 'b', 'k', 'org_01ab'],
    ['a.b.org-01ab.s3.example.com', '/', 'a.b', null, 'org-01ab'],
    ['127.0.0.1:9000', '/b/k', 'b', 'k', undefined],
    ['other.example.com', '/b/', 'b', null, undefined],
    ['s3.example.com', '/b', 'b', null, undefined],
    ['xs3.example.com', '/b', 'b', null, undefined],
    ['org_01ab.s3.example.com.evil.org', '/b', 'b', null, undefined],
  ])('%s %s', (host, target, bucket, key, organization) => {
    expect(at(host, target)).toEqual({ bucket, key, organization });
  });

  test('below an address there are no buckets', () => {
    expect(s3Addresses('http://127.0.0.1:9000')('b.127.0.0.1', '/c/k')).toMatchObject({ bucket: 'c', key: 'k' });
  });

  test('an organization in a host is compared without case', () => {
    expect(isOrganization('org_01hz', 'org_01HZ')).toBe(true);
    expect(isOrganization('org-01hz', 'org_01HZ')).toBe(true);
    expect(isOrganization('org_01h', 'org_01HZ')).toBe(false);
  });
});

describe('a base domain with the organization in it', () => {
  const organization = newId('org', new Date());
  let gate: Awaited<ReturnType<typeof anS3Gateway>>;
  let key: S3Key;
  beforeAll(async () => {
    gate = await anS3Gateway({ publicUrl: 'http://{organization}.s3.example.com' });
    key = gate.services.key({ organization });
    await gate.client(key).send(new CreateBucketCommand({ Bucket: 'hosted' }));
    await gate.client(key).send(new PutObjectCommand({ Bucket: 'hosted', Key: 'k', Body: 'by host' }));
  });
  afterAll(() => gate.close());

  const ask = async (host: string, path: string) => {
    const wire = new Wire(gate.port);
    wire.write(signedHead(gate.port, key, { host, path }).head);
    const answer = await wire.answer();
    wire.end();
    return answer;
  };

  test('the bucket stands before it', async () => {
    const answer = await ask(`hosted.${organization}.s3.example.com`, '/k');
    expect([answer?.status, answer?.body]).toEqual([200, 'by host']);
  });

  test('the organization in it is the key’s, or nobody comes in', async () => {
    const other = newId('org', new Date());
    expect((await ask(`hosted.${other}.s3.example.com`, '/k'))?.code).toBe('AccessDenied');
    expect((await ask(`${other}.s3.example.com`, '/hosted/k'))?.code).toBe('AccessDenied');
  });

  test('a bucket in the host is not another in the path', async () => {
    expect((await ask(`nothing.${organization}.s3.example.com`, '/hosted/k'))?.code).toBe('NoSuchBucket');
  });
});

test('over TLS, where clients send chunks with a checksum behind them', async () => {
  const home = mkdtempSync(join(tmpdir(), 's3-tls-spec-'));
  const { cert, key: privateKey } = selfSignedCertificate();
  const [certPath, keyPath] = [join(home, 'cert.pem'), join(home, 'key.pem')];
  writeFileSync(certPath, cert);
  writeFileSync(keyPath, privateKey);
  const gate = await anS3Gateway({ tls: new TlsIdentity({ certPath, keyPath }, () => undefined) });
  try {
    const requestHandler = { httpsAgent: new Agent({ ca: readFileSync(certPath) }) };
    const client = gate.client(gate.services.key(), { endpoint: gate.url, requestHandler });
    await client.send(new CreateBucketCommand({ Bucket: 'by-tls' }));
    const Body = Readable.from([Buffer.alloc(300_000, 'tls')]);
    await client.send(new PutObjectCommand({ Bucket: 'by-tls', Key: 'k', Body, ContentLength: 300_000 }));
    const got = await client.send(new GetObjectCommand({ Bucket: 'by-tls', Key: 'k' }));
    expect((await got.Body!.transformToByteArray()).length).toBe(300_000);
    client.destroy();
  } finally {
    await gate.close();
  }
});
