import { createServer, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketAclCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutBucketAclCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from '@jest/globals';
import { newId } from '@portcullis/contracts';
import { listen } from '../../spec/http-client.js';
import { anS3Gateway } from '../../spec/s3-gateway.js';
import { signedHead, Wire } from '../../spec/s3-raw.js';

const organization = newId('org', new Date());
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A gateway before an upstream that answers as the spec says. */
async function before(answer: RequestListener) {
  const server: Server = createServer(answer);
  const port = await listen(server);
  const gate = await anS3Gateway({ upstreamUrl: `http://127.0.0.1:${port}`, policyBuckets: { mine: organization } });
  closing.push(
    () => gate.close(),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const key = gate.services.key({ organization });
  return { gate, key, client: gate.client(key), server };
}

const failing = (sent: Promise<unknown>) =>
  sent.then(
    () => ({ name: 'passed', message: '', $metadata: { httpStatusCode: 200 } }),
    (error: Error & { $metadata: { httpStatusCode?: number } }) => error,
  );

const xml = (code: string, more = '') =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>of the upstream</Message>${more}</Error>`;

test('of an upstream’s error code, message and what clients use stay; where it is, and what it signed, does not', async () => {
  const { gate, key } = await before((_request, response) => {
    response
      .writeHead(404, { Server: 'Upstream/1', 'x-amz-id-2': 'host-7', 'x-amz-request-id': 'theirs', Via: 'x' })
      .end(
        xml(
          'NoSuchKey',
          '<Key>k</Key><HostId>host-7</HostId><AWSAccessKeyId>AKIAUPSTREAM</AWSAccessKeyId><RequestId>theirs</RequestId>',
        ),
      );
  });
  const wire = new Wire(gate.port);
  wire.write(signedHead(gate.port, key, { path: '/mine/k' }).head);
  const answer = await wire.answer();
  wire.end();
  expect(answer?.body).toMatch(
    /<Code>NoSuchKey<\/Code><Message>of the upstream<\/Message><Key>k<\/Key><Resource>\/mine\/k<\/Resource>/,
  );
  expect(`${answer?.head}${answer?.body}`).not.toMatch(/host-7|theirs|AKIAUPSTREAM|Upstream\/1|Via/i);
});

test.each(['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'RequestTimeTooSkewed', 'AuthorizationHeaderMalformed'])(
  '%s of the upstream is about the gateway, not the client, and is reported',
  async (code) => {
    const { gate, client } = await before((_request, response) => void response.writeHead(403).end(xml(code)));
    const error = await failing(client.send(new GetObjectCommand({ Bucket: 'mine', Key: 'k' })));
    expect([error.name, error.$metadata.httpStatusCode]).toEqual(['InternalError', 500]);
    expect(error.message).toMatch(/refused the gateway's own credentials/);
    expect(gate.seen.reported.join()).toMatch(/upstream_credentials/);
    expect(gate.seen.events).toEqual([]);
  },
);

test('a redirect of the upstream is followed by nobody', async () => {
  let asked = 0;
  const { client } = await before((_request, response) => {
    asked += 1;
    response.writeHead(307, { Location: 'http://127.0.0.1:1/elsewhere' }).end();
  });
  const error = await failing(client.send(new GetObjectCommand({ Bucket: 'mine', Key: 'k' })));
  expect([error.name, asked]).toEqual(['InternalError', 1]);
});

test('an upstream that is away is ServiceUnavailable, and clients are told when to come back', async () => {
  const { gate, key, server } = await before(() => undefined);
  server.closeAllConnections();
  server.close();
  const wire = new Wire(gate.port);
  wire.write(signedHead(gate.port, key, { path: '/mine/k' }).head);
  const answer = await wire.answer();
  wire.end();
  expect([answer?.status, answer?.code]).toEqual([503, 'ServiceUnavailable']);
  expect(answer?.head).toMatch(/\r\nRetry-After: 1\r\n/);
});

test('an answer that breaks off is cut off, and not taken for the whole', async () => {
  const { client } = await before((_request, response) => {
    response.writeHead(200, { 'Content-Length': '1000' });
    response.write('half', () => response.destroy());
  });
  const got = await client.send(new GetObjectCommand({ Bucket: 'mine', Key: 'k' }));
  await expect(got.Body!.transformToString()).rejects.toThrow();
});

test('what the upstream gets is signed anew, has a length and no framing, and nothing of the client’s credential', async () => {
  const seen: { url: string; headers: string; body: string }[] = [];
  const { client, key } = await before((request, response) => {
    const body: Buffer[] = [];
    request.on('data', (part: Buffer) => body.push(part));
    request.on('end', () => {
      seen.push({
        url: request.url ?? '',
        headers: request.rawHeaders.join('\n'),
        body: Buffer.concat(body).toString(),
      });
      response.writeHead(200, { ETag: '"x"' }).end();
    });
  });
  const { Readable } = await import('node:stream');
  await client.send(
    new PutObjectCommand({
      Bucket: 'mine',
      Key: 'k',
      Body: Readable.from(['stream']),
      ContentLength: 6,
      ContentType: 'text/x',
    }),
  );
  expect(seen).toHaveLength(1);
  const [{ url, headers, body }] = seen as [(typeof seen)[0]];
  expect([url, body]).toEqual(['/mine/k', 'stream']);
  expect(headers).toMatch(/\ncontent-length\n6$/i);
  expect(headers).toMatch(/content-type\ntext\/x/i);
  expect(headers).toMatch(/UNSIGNED-PAYLOAD/);
  expect(headers).not.toMatch(/aws-chunked|transfer-encoding|decoded|trailer|sdk-checksum|expect|user-agent/i);
  expect(headers).not.toContain(key.accessKeyId);
});

test('a client that waits for a long completion hears blanks, then the end, with our place in it', async () => {
  const { client } = await before((request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(200, { 'Content-Type': 'application/xml' });
      response.write('<?xml version="1.0"?>\n');
      setTimeout(() => response.write('  '), 50);
      setTimeout(
        () =>
          response.end(
            '<CompleteMultipartUploadResult><Location>http://upstream/mine/k</Location><Bucket>mine</Bucket><Key>k</Key><ETag>"e"</ETag></CompleteMultipartUploadResult>',
          ),
        150,
      );
    });
  });
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: '"p"', ChecksumCRC32: 'AAAAAA==' }] };
  const done = await client.send(
    new CompleteMultipartUploadCommand({ Bucket: 'mine', Key: 'k', UploadId: 'u', MultipartUpload }),
  );
  expect([done.Location, done.ETag]).toEqual(['http://127.0.0.1:9000/mine/k', '"e"']);
});

test('a completion that fails behind its 200 is an error', async () => {
  const { client } = await before((request, response) => {
    request.resume().on('end', () => response.writeHead(200).end(xml('InternalError')));
  });
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: '"p"' }] };
  const error = await failing(
    client.send(new CompleteMultipartUploadCommand({ Bucket: 'mine', Key: 'k', UploadId: 'u', MultipartUpload })),
  );
  expect(error.name).toBe('InternalError');
});

test('owners in a list are the organization', async () => {
  const { client } = await before((_request, response) => {
    response.end(
      '<ListBucketResult><Name>mine</Name><Contents><Key>&lt;Owner&gt;</Key><Owner xmlns=""><ID>upstream-account</ID><DisplayName>Up</DisplayName></Owner></Contents></ListBucketResult>',
    );
  });
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'mine', FetchOwner: true }));
  expect(Contents).toEqual([
    expect.objectContaining({ Key: '<Owner>', Owner: { ID: organization, DisplayName: organization } }),
  ]);
});

test('what is asked before the body has come is answered, and the connection goes on', async () => {
  const { gate, key } = await before((_request, response) => void response.writeHead(403).end(xml('AccessDenied')));
  const wire = new Wire(gate.port);
  const body = 'z'.repeat(3_000_000);
  wire.write(signedHead(gate.port, key, { method: 'PUT', path: '/mine/k', body }).head + body);
  expect((await wire.answer())?.code).toMatch(/AccessDenied|ServiceUnavailable/);
  wire.write(signedHead(gate.port, key, { path: '/mine/k' }).head);
  expect((await wire.answer())?.code).toBe('AccessDenied');
  wire.end();
});

test('why the upstream denies something to the gateway is not the client’s to know', async () => {
  const { client } = await before((_request, response) => {
    const why = 'User: arn:aws:iam::123456789012:user/gate is not authorized to perform: s3:GetObject';
    response.writeHead(403).end(xml('AccessDenied').replace('of the upstream', why));
  });
  const error = await failing(client.send(new GetObjectCommand({ Bucket: 'mine', Key: 'k' })));
  expect([error.name, error.message]).toEqual(['AccessDenied', 'The storage behind the gateway does not allow this.']);
});

test('an answer that is no S3 is a fault of the upstream, and is reported', async () => {
  const { gate, client } = await before((_request, response) => {
    response.writeHead(200).end('<UploadPartCopyResult><');
  });
  const error = await failing(client.send(new CopyObjectCommand({ Bucket: 'mine', Key: 'k', CopySource: 'mine/k' })));
  expect([error.name, error.$metadata.httpStatusCode]).toEqual(['InternalError', 500]);
  expect(gate.seen.reported.join()).toMatch(/S3 upstream: upstream_answer/);
});

test('the owner in an access control list that is written back is the upstream’s own', async () => {
  const written: string[] = [];
  const { client } = await before((request, response) => {
    const body: Buffer[] = [];
    request.on('data', (part: Buffer) => body.push(part));
    request.on('end', () => {
      if (request.method === 'PUT') written.push(Buffer.concat(body).toString());
      const owner = '<Owner><ID>upstream-account</ID></Owner>';
      response.end(request.method === 'GET' ? `<AccessControlPolicy>${owner}</AccessControlPolicy>` : '');
    });
  });
  const { Owner } = await client.send(new GetBucketAclCommand({ Bucket: 'mine' }));
  expect(Owner?.ID).toBe(organization);
  await client.send(new PutBucketAclCommand({ Bucket: 'mine', AccessControlPolicy: { Owner, Grants: [] } }));
  expect(written.join()).toContain('<Owner><ID>upstream-account</ID></Owner>');
  expect(written.join()).not.toContain(organization);
});

describe('a bucket that is made', () => {
  const create = (client: S3Client) => failing(client.send(new CreateBucketCommand({ Bucket: 'made' })));

  test.each([
    ['InvalidAccessKeyId', 'InternalError'],
    ['AccessDenied', 'BucketAlreadyExists'],
  ])('when the upstream answers 403 for %s, that is %s', async (code, answered) => {
    const { gate, client } = await before((request, response) => {
      response.writeHead(403).end(request.method === 'HEAD' ? '' : xml(code));
    });
    expect((await create(client)).name).toBe(answered);
    expect(gate.services.claims.size).toBe(0);
  });

  test('while a deletion gives its name back is the organization’s in the end', async () => {
    const { gate, client } = await before((request, response) => {
      if (request.method === 'HEAD') return void response.writeHead(404).end();
      gate.services.claims.delete('made');
      response.end();
    });
    expect((await create(client)).name).toBe('passed');
    expect(gate.services.claims.get('made')).toBe(organization);
  });

  test('by two at once, of whom the upstream refuses one, stays the organization’s', async () => {
    let isThere = false;
    const { gate, client } = await before((request, response) => {
      if (request.method === 'HEAD') return void response.writeHead(isThere ? 200 : 404).end();
      isThere = true;
      response.writeHead(409).end(xml('BucketAlreadyOwnedByYou'));
    });
    expect((await create(client)).name).toBe('BucketAlreadyOwnedByYou');
    expect(gate.services.claims.get('made')).toBe(organization);
  });

  test('again right behind its deletion stays the organization’s', async () => {
    const { gate, client } = await before((request, response) => {
      response.writeHead(request.method === 'DELETE' ? 204 : 200).end();
    });
    gate.services.claims.set('made', organization);
    await client.send(new DeleteBucketCommand({ Bucket: 'made' }));
    expect(gate.services.claims.get('made')).toBe(organization);
  });
});

test('a HEAD of the upstream that fails says no more than its status', async () => {
  const { client } = await before((_request, response) => void response.writeHead(404, { Server: 'x' }).end());
  const error = await failing(client.send(new HeadBucketCommand({ Bucket: 'mine' })));
  expect(error.$metadata.httpStatusCode).toBe(404);
});

test('a large object goes at the pace of who reads it', async () => {
  const size = 256 * 2 ** 20;
  const piece = Buffer.alloc(2 ** 20, 'x');
  let sent = 0;
  const { gate, key } = await before((_request, response) => {
    response.writeHead(200, { 'Content-Length': String(size) });
    const more = (): void => {
      while (sent < size) {
        sent += piece.length;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  const { head } = signedHead(gate.port, key, { path: '/mine/k' });
  const socket = connect(gate.port, '127.0.0.1');
  socket.write(head);
  let received = 0;
  let ahead = 0;
  for await (const bytes of socket) {
    received += (bytes as Buffer).length;
    ahead = Math.max(ahead, sent - received);
    if (received >= size) break;
    for (let n = 0; n < 3; n++) await turn();
  }
  expect(ahead).toBeLessThan(48 * 2 ** 20);
});
