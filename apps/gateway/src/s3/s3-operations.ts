import { type Transform } from 'node:stream';
import { payloadDecoder, S3Fault, type Secret } from '@portcullis/credentials';
import { organizationLabel } from '@portcullis/contracts';
import { tag } from '@portcullis/enforcement';
import { hasBody } from '../json-body.js';
import { proceed } from '../visit.js';
import { rewriteOf } from './answers.js';
import { BodyMemory, type MemoryShare } from './body-memory.js';
import { copySourceHeader } from './copy-source.js';
import { aclFor, type CheckedDocument, checkedDocument, maxDocumentBytes, ownerInAcl } from './documents.js';
import { noSuchBucket } from './error-document.js';
import { type HeaderList, upstreamRequestHeaders } from './headers.js';
import { bucketListDocument, listWanted, pageOf } from './list-buckets.js';
import {
  type BodyTie,
  ownHeaders,
  relay,
  relayError,
  type S3Exchange,
  tiedBody,
  tooLarge,
  wholeBody,
} from './passage.js';
import { type S3Admitted, type S3DoorParts } from './s3-door.js';
import { type S3UpstreamBody, type S3UpstreamReply } from './upstream.js';
import { Ending } from './upstream-answer.js';

/** Carries out what the door let pass: most of it at the upstream, what is about whose a bucket is through api-key. */
export class S3Operations {
  readonly #memory: BodyMemory;

  constructor(private readonly parts: S3DoorParts) {
    this.#memory = new BodyMemory(parts.bodyMemoryBytes);
  }

  /** Answers the request. Throws `S3Fault` or `Refusal`, as long as nothing was answered. */
  async carryOut(admitted: S3Admitted, resource: string): Promise<void> {
    const { visit, operation, address } = admitted;
    const exchange: S3Exchange = {
      request: visit.request,
      response: visit.response,
      operation,
      requestId: visit.requestId,
      resource,
      region: this.parts.region,
      hasKey: address.key !== null,
      answerHeaders: visit.answerHeaders ?? [],
    };
    const headers = this.#headersOf(admitted);
    switch (operation.name) {
      case 'ListBuckets':
        await this.#demandNoBody(admitted);
        return this.#listBuckets(exchange, admitted);
      case 'CreateBucket':
        return this.#createBucket(exchange, admitted, headers);
      case 'DeleteBucket':
        await this.#demandNoBody(admitted);
        return this.#deleteBucket(exchange, admitted);
      default:
        return this.#forward(exchange, admitted, headers);
    }
  }

  async #listBuckets(exchange: S3Exchange, { query, organizationId }: S3Admitted): Promise<void> {
    const { prefix, after, limit } = listWanted(new Map(query));
    const buckets = await this.parts.buckets.list(organizationId);
    const wanted = prefix === undefined ? buckets : buckets.filter(({ name }) => name.startsWith(prefix));
    answerXml(exchange, bucketListDocument(pageOf(wanted, { after, limit }), { organizationId, prefix }));
  }

  async #createBucket(exchange: S3Exchange, admitted: S3Admitted, headers: HeaderList): Promise<void> {
    const document = await this.#document(admitted);
    const { reply } = await this.parts.buckets.create({ ...orderOf(admitted), headers, document });
    answerReply(exchange, reply, ['Location', `/${admitted.address.bucket}`]);
  }

  async #deleteBucket(exchange: S3Exchange, admitted: S3Admitted): Promise<void> {
    const { reply } = await this.parts.buckets.remove(orderOf(admitted));
    answerReply(exchange, reply, []);
  }

  async #forward(exchange: S3Exchange, admitted: S3Admitted, headers: HeaderList): Promise<void> {
    const { operation, query, organizationId, visit } = admitted;
    const { request, response } = visit;
    const ending = new Ending();
    const gone = (): void => ending.end('the client went away');
    response.on('close', gone);
    if (request.socket.destroyed) gone();
    const cut = (): void => {
      ending.end('cut off');
      response.destroy();
    };
    const { body, more } = await this.#bodyOf(admitted, cut);
    const answer = await this.parts.upstream.send(
      { method: request.method ?? '', path: pathOf(admitted), query, headers: [...headers, ...more], body },
      ending,
    );
    try {
      await relay(exchange, answer, rewriteOf(operation), {
        organizationId,
        region: this.parts.region,
        location: `${this.parts.publicUrl.replace('{organization}', organizationLabel(organizationId))}${encodeURI(pathOf(admitted))}`,
      });
    } catch (error) {
      // Else its connection would wait for somebody to read on.
      ending.end('the answer could not be passed on');
      throw error;
    }
  }

  async #bodyOf(admitted: S3Admitted, cut: () => void): Promise<{ body: S3UpstreamBody; more: HeaderList }> {
    const { operation, signature, visit } = admitted;
    if (operation.body === 'object') {
      const length = lengthOf(admitted);
      const decoder = this.#decoderOf(admitted);
      const tie = this.#tieOf(admitted);
      // Of nothing no last piece can be held back: it is read to its end before the upstream hears of it.
      if (length === 0) {
        await wholeBody(visit.request, decoder, tie, 0);
        return { body: { kind: 'whole', bytes: Buffer.alloc(0) }, more: [] };
      }
      const { payload } = signature;
      return {
        body: {
          kind: 'stream',
          stream: tiedBody(visit.request, decoder, tie, cut),
          length,
          sha256: payload.kind === 'digest' ? payload.sha256 : undefined,
        },
        more: [],
      };
    }
    if (operation.body === 'none') {
      await this.#demandNoBody(admitted);
      return { body: { kind: 'none' }, more: [] };
    }
    const regions = { own: this.parts.region, upstream: this.parts.upstream.region };
    const document = checkedDocument(operation, await this.#document(admitted), regions);
    await this.#demandOwn(admitted, document.buckets);
    const { bytes, headers } = /^Put(?:Bucket|Object)Acl$/.test(operation.name)
      ? await this.#acl(admitted, document)
      : document;
    return { body: { kind: 'whole', bytes }, more: headers };
  }

  async #acl(admitted: S3Admitted, document: CheckedDocument): Promise<CheckedDocument> {
    const { organizationId, query } = admitted;
    if (!document.bytes.includes(organizationId)) return document;
    const { status, body } = await this.parts.upstream.exchange({ method: 'GET', path: pathOf(admitted), query });
    const owner = status === 200 ? ownerInAcl(body) : undefined;
    return owner === undefined ? document : aclFor(document.bytes, organizationId, owner);
  }

  /** Buckets that a configuration writes into have to be the organization's own. */
  async #demandOwn({ signature, identity, organizationId }: S3Admitted, buckets: readonly string[]): Promise<void> {
    if (buckets.length === 0) return;
    const { clientIp } = identity;
    const { owners } = await this.parts.judge.identifyS3({ signature, buckets: buckets.slice(0, 100), clientIp });
    if (buckets.some((name) => owners.get(name) !== organizationId)) throw noSuchBucket('target_bucket');
  }

  async #document(admitted: S3Admitted): Promise<Buffer> {
    const maxBytes = maxDocumentBytes(admitted.operation);
    const length = admitted.signature.payload.decodedLength ?? maxBytes;
    if (length > maxBytes) throw tooLarge(maxBytes);
    const decoder = this.#decoderOf(admitted);
    this.#memoryOf(admitted).hold(length);
    return wholeBody(admitted.visit.request, decoder, this.#tieOf(admitted), maxBytes);
  }

  /** A body where none belongs would be signed and not looked at. */
  async #demandNoBody(admitted: S3Admitted): Promise<void> {
    const { request } = admitted.visit;
    if (!hasBody(request)) return;
    if (Number(request.headers['content-length'] ?? 0) > 0)
      throw new S3Fault('InvalidRequest', 'unexpected_body', `${admitted.operation.name} has no body.`);
    await wholeBody(request, this.#decoderOf(admitted), this.#tieOf(admitted), 0);
  }

  /** To the key, and to the bucket: once given back it may be another organization's before a slow body has its end. */
  #tieOf({ identity, visit, address: { bucket } }: S3Admitted): BodyTie {
    const { judge } = this.parts;
    const now = () => this.parts.now();
    return {
      proceed: () => proceed(visit),
      attach: (close) => {
        const attachment = judge.attach(identity, close, bucket === null ? [] : [tag('bucket', bucket)]);
        return attachment && { admits: () => attachment.admits(now()), release: () => attachment.release() };
      },
    };
  }

  #decoderOf(admitted: S3Admitted): Transform {
    const { signature, judgement, visit, operation } = admitted;
    let memory: MemoryShare | undefined;
    return payloadDecoder(signature, judgement.signingKey as Secret, visit.request.rawHeaders, {
      checksumIsOfObject: operation.name === 'CompleteMultipartUpload',
      // A document's bytes were asked for once, for all of its chunks.
      ...(operation.body === 'object' ? { holding: (bytes) => (memory ??= this.#memoryOf(admitted)).hold(bytes) } : {}),
    });
  }

  #memoryOf({ organizationId, visit }: S3Admitted): MemoryShare {
    const share = this.#memory.share(organizationId);
    visit.response.once('close', share.free);
    return share;
  }

  #headersOf(admitted: S3Admitted): HeaderList {
    const { headers: sent, operation, address, identity, organizationId, source } = admitted;
    const headers = upstreamRequestHeaders(sent, {
      operation,
      organizationId,
      upstreamIsTls: this.parts.upstream.isTls,
      may: (permission) => this.parts.judge.permit(identity, [permission], address.bucket ?? undefined) === null,
    });
    return source ? [...headers, ['x-amz-copy-source', copySourceHeader(source)]] : headers;
  }
}

const orderOf = ({ address, organizationId, judgement, caller }: S3Admitted) => ({
  name: address.bucket ?? '',
  organizationId,
  owner: judgement.owners.get(address.bucket ?? '') ?? null,
  caller,
});

const pathOf = ({ address: { bucket, key } }: S3Admitted): string =>
  `/${[bucket, key].filter((part) => part !== null).join('/')}`;

/** The plain bytes of an object, which the upstream is told before the first of them. */
function lengthOf({ signature: { payload }, visit: { request } }: S3Admitted): number {
  if (payload.decodedLength !== null) return payload.decodedLength;
  if (!hasBody(request)) return 0;
  throw new S3Fault(
    'MissingContentLength',
    'length_missing',
    'Say how long the body is, in the header Content-Length.',
  );
}

function answerXml({ response, ...exchange }: S3Exchange, text: string): void {
  const length = String(Buffer.byteLength(text));
  response
    .writeHead(200, [...ownHeaders(exchange), 'Content-Type', 'application/xml', 'Content-Length', length])
    .end(text);
}

function answerReply(exchange: S3Exchange, reply: S3UpstreamReply, more: readonly string[]): void {
  if (reply.status >= 300) return relayError(exchange, reply);
  const length = reply.status === 204 ? [] : ['Content-Length', '0'];
  exchange.response.writeHead(reply.status, [...ownHeaders(exchange), ...more, ...length]).end();
}
