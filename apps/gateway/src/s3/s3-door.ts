import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Caller, Refusal } from '@portcullis/contracts';
import { type NetworkList, readS3Signature, S3Fault, type S3Signature } from '@portcullis/credentials';
import { type Instant } from '@portcullis/enforcement';
import { clientIpOf } from '../client-ip.js';
import { type DenialLog } from '../events/denial-log.js';
import { headerValues } from '../header-values.js';
import { type S3Judgement } from '../judge/access-keys.js';
import { type Judge } from '../judge/judge.js';
import { type Arrival, type Identity } from '../judgement.js';
import { type Limits } from '../limits/limits.js';
import { type Metrics } from '../metrics.js';
import { awaitsContinue, aVisit, demandCommonHttp, requestIdOf, userAgentOf, type Visit } from '../visit.js';
import { type VisitLogs, watchVisit } from '../watch-visit.js';
import { isOrganization, type S3Address, s3Addresses, type S3Addresses } from './address.js';
import { type S3Buckets } from './buckets.js';
import { type CopySource, readCopySource } from './copy-source.js';
import { errorDocument, noSuchBucket } from './error-document.js';
import { faultOfRefusal } from './faults.js';
import { operationOf, s3Methods, type S3Operation } from './operations.js';
import { ownHeaders } from './passage.js';
import { readQuery } from './query.js';
import { S3Operations } from './s3-operations.js';
import { type S3Upstream } from './upstream.js';

export interface S3DoorParts extends VisitLogs {
  readonly judge: Pick<Judge, 'identifyS3' | 'permit' | 'attach' | 'bucketOwner'>;
  readonly denials: Pick<DenialLog, 'denied' | 'refusedCredential'>;
  readonly limits: Pick<Limits, 'take'>;
  readonly metrics: Pick<Metrics, 'answered' | 's3Refused'>;
  readonly upstream: S3Upstream;
  readonly buckets: S3Buckets;
  readonly trustedProxies: NetworkList;
  /** `S3_PUBLIC_URL`, perhaps with `{organization}` in its host. */
  readonly publicUrl: string;
  readonly region: string;
  readonly replyKey: Caller['reply_key'];
  /** See `BodyMemory`. */
  readonly bodyMemoryBytes?: number;
  now(): Instant;
  report(line: string): void;
}

/** How often the same trouble with the upstream is told. */
const reportMilliseconds = 10_000;
const maxBucketBytes = 255;
const maxKeyBytes = 1_024;

/** An S3 request that may go on: everything about it was read once, and what was verified is what is used. */
export interface S3Admitted {
  readonly visit: Visit;
  readonly operation: S3Operation;
  readonly address: S3Address;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** As they came, and those of a presigned URL that stand in its query; name, value, name, value. */
  readonly headers: readonly string[];
  readonly source: CopySource | undefined;
  readonly signature: S3Signature;
  readonly judgement: S3Judgement;
  readonly identity: Extract<Identity, { kind: 'principal' }>;
  readonly organizationId: string;
  readonly caller: Caller;
}

/**
 * The door of the S3 port: what a request means, who signed it, whether they may, and whose the bucket is, before a byte of its body is
 * read. What passes is carried out by `S3Operations`. Every answer that is an error is S3's XML.
 */
export class S3Door {
  readonly #addresses: S3Addresses;
  readonly #operations: S3Operations;
  readonly #reportedMs = new Map<string, number>();

  constructor(private readonly parts: S3DoorParts) {
    this.#addresses = s3Addresses(parts.publicUrl);
    this.#operations = new S3Operations(parts);
  }

  /** Answers a request. Never throws. */
  take(request: IncomingMessage, response: ServerResponse): void {
    const visit = aVisit(request, response, requestIdOf(request), 'S3 (none)');
    watchVisit(visit, this.parts);
    const state: Underway = { visit, resource: '/', isHead: request.method === 'HEAD' };
    this.#serve(state).catch((error: unknown) => this.#refuse(state, error));
  }

  async #serve(state: Underway): Promise<void> {
    const { visit } = state;
    const { request } = visit;
    demandCommonHttp(request);
    const { method = '', url: target = '', rawHeaders } = request;
    demandPlainForm(rawHeaders);
    const address = this.#addresses(headerValues(rawHeaders, 'host')[0] ?? '', target);
    const { bucket, key } = address;
    state.resource = resourceOf(address);
    if (bucket !== null && Buffer.byteLength(bucket) > maxBucketBytes)
      throw new S3Fault('InvalidBucketName', 'bucket_name', 'A bucket name has at most 63 characters.');
    if (key !== null && Buffer.byteLength(key) > maxKeyBytes)
      throw new S3Fault('InvalidURI', 'key_too_long', `A key has at most ${maxKeyBytes} bytes.`);
    const { query, hoisted } = readQuery(target);
    const headers = [...rawHeaders, ...hoisted];
    const copies = headerValues(headers, 'x-amz-copy-source');
    const operation = operationOf({
      method,
      resource: bucket === null ? 'service' : key === null ? 'bucket' : 'object',
      parameters: query.map(([name]) => name),
      copies: copies.length > 0,
    });
    visit.label = visit.route = `S3 ${operation.name}`;
    const source = copies[0] === undefined ? undefined : readCopySource(copies[0]);
    const arrival = this.#arrivalOf(visit, bucket);
    const clientIp = clientIpOf(arrival, this.parts.trustedProxies);
    state.arrival = arrival;
    state.clientIp = clientIp;

    const signature = readS3Signature(
      { method, target, rawHeaders },
      // Presigned uploads and rclone's are unsigned without TLS too; what TLS is for, it is for the whole request.
      { now: new Date(this.parts.now().wallMs), region: this.parts.region, allowUnsignedPayload: true },
    );
    if (!signature) throw anonymous();
    const buckets = [...(bucket === null ? [] : [bucket]), ...(source ? [source.bucket] : [])];
    const judgement = await this.parts.judge.identifyS3({ signature, buckets, clientIp });
    const admitted = this.#admit(state, {
      visit,
      operation,
      address,
      query,
      headers,
      source,
      signature,
      judgement,
    });
    await this.#operations.carryOut(admitted, state.resource);
  }

  /** Who asks may do this, here. One turn of the event loop with the judgement. */
  #admit(
    state: Underway,
    asked: Pick<
      S3Admitted,
      'visit' | 'operation' | 'address' | 'query' | 'headers' | 'source' | 'signature' | 'judgement'
    >,
  ): S3Admitted {
    const { visit, operation, address, source, judgement } = asked;
    const { identity } = judgement;
    const { arrival } = state;
    if (identity.kind !== 'principal') {
      if (identity.kind === 'refused') throw new RefusedCredential(faultOfRefusal(identity.refusal), identity);
      throw anonymous();
    }
    state.identity = identity;
    if (identity.key && arrival) visit.made = { arrival, identity: { ...identity, key: identity.key } };
    this.#count(visit, identity);
    const permissions = [
      { permission: operation.permission, bucket: address.bucket },
      ...(source ? [{ permission: 'storage:objects:view' as const, bucket: source.bucket }] : []),
    ];
    for (const { permission, bucket } of permissions) {
      const refusal = this.parts.judge.permit(identity, [permission], bucket ?? undefined);
      if (refusal) throw new Denied(faultOfRefusal(refusal), 'missing_permission', [permission]);
    }
    const organizationId = identity.principal.organization_id ?? '';
    if (address.organization !== undefined && !isOrganization(address.organization, organizationId)) {
      throw new Denied(
        new S3Fault('AccessDenied', 'other_organization', 'This endpoint is another organization’s.'),
        'organization_mismatch',
        [],
      );
    }
    // Whose it is says nothing to others: no bucket of another organization exists here.
    const mustExist = operation.name === 'CreateBucket' ? [] : permissions.map(({ bucket }) => bucket);
    if (mustExist.some((name) => name !== null && judgement.owners.get(name) !== organizationId)) throw noSuchBucket();
    return { ...asked, identity, organizationId, caller: this.#callerOf(visit, identity) };
  }

  #count(visit: Visit, { key }: Extract<Identity, { kind: 'principal' }>): void {
    if (!key || key.rate_limit === null) return;
    const taken = this.parts.limits.take(key.id, key.rate_limit);
    visit.answerHeaders = taken.headers;
    if (taken.passes) return;
    // S3's clients wait and try again after this, and give up at a 429.
    visit.answerHeaders = [...taken.headers, 'Retry-After', String(taken.retryAfterSeconds)];
    throw new Denied(
      new S3Fault('SlowDown', 'rate_limited', 'The limit of this key is used up. Try again later.'),
      'rate_limited',
      [],
    );
  }

  #refuse(state: Underway, error: unknown): void {
    const { visit, resource, isHead } = state;
    const { request, response, requestId, answerHeaders = [] } = visit;
    const fault = this.#faultOf(state, error);
    this.parts.metrics.s3Refused(fault.code);
    if (response.headersSent || response.destroyed) {
      // What has begun cannot be taken back; cut off, it is not taken for the whole.
      if (!response.writableEnded) response.destroy();
      return;
    }
    if (awaitsContinue(request)) response.setHeader('Connection', 'close');
    const head = ownHeaders({ requestId, answerHeaders });
    if (fault.status === 503 && !head.includes('Retry-After')) head.push('Retry-After', '1');
    if (fault.status === 405) head.push('Allow', s3Methods);
    const text = errorDocument(fault, { resource, requestId }, Object.entries(fault.elements));
    if (!isHead) head.push('Content-Type', 'application/xml', 'Content-Length', String(Buffer.byteLength(text)));
    for (let at = 0; at < head.length; at += 2) response.setHeader(head[at] ?? '', head[at + 1] ?? '');
    response.writeHead(fault.status).end(isHead ? undefined : text);
  }

  #faultOf(state: Underway, error: unknown): S3Fault {
    const { visit, arrival, identity, clientIp = '' } = state;
    if (error instanceof RefusedCredential) {
      if (arrival) this.parts.denials.refusedCredential(arrival, error.identity);
      return error.fault;
    }
    if (error instanceof Denied) {
      if (arrival && identity) this.parts.denials.denied(arrival, identity, error.reason, error.permissions);
      return error.fault;
    }
    if (error instanceof Refusal) {
      if (arrival && identity && error.code === 'forbidden') this.parts.denials.denied(arrival, identity, error.code);
      return faultOfRefusal(error);
    }
    if (error instanceof S3Fault) {
      if (arrival && isCredentials(error)) {
        const organizationId = identity?.principal.organization_id ?? null;
        const credentialId = identity?.principal.credential_id ?? null;
        const refusal = new Refusal('invalid_signature', error.message);
        const { reason } = error;
        this.parts.denials.refusedCredential(arrival, {
          kind: 'refused',
          clientIp,
          refusal,
          reason,
          organizationId,
          credentialId,
        });
      } else if (arrival && identity && error.code === 'AccessDenied') {
        this.parts.denials.denied(arrival, identity, error.reason);
      }
      if (error.reason.startsWith('upstream_')) this.#reportUpstream(visit, error);
      return error;
    }
    this.parts.report(`${visit.requestId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return new S3Fault('InternalError', 'internal', 'Something went wrong here. It has been logged.');
  }

  /** Once in a while for each reason: an upstream that is away is so for everybody. */
  #reportUpstream({ requestId }: Visit, fault: S3Fault): void {
    const { reason } = fault;
    const nowMs = this.parts.now().monotonicMs;
    if (nowMs - (this.#reportedMs.get(reason) ?? -Infinity) < reportMilliseconds) return;
    this.#reportedMs.set(reason, nowMs);
    this.parts.report(`${requestId}: S3 upstream: ${reason}${causeOf(fault)}`);
  }

  /** For events and lists: the bucket alone. Keys are often names of people, and a query may be a credential. */
  #arrivalOf({ request, requestId }: Visit, bucket: string | null): Arrival {
    const { method = '', rawHeaders, socket } = request;
    const path = bucket === null ? '/' : `/${bucket}`;
    return { requestId, method, target: path, path, rawHeaders, peer: socket.remoteAddress ?? '' };
  }

  #callerOf({ request, requestId }: Visit, { principal, clientIp }: Extract<Identity, { kind: 'principal' }>): Caller {
    const context = { id: requestId, client_ip: clientIp, user_agent: userAgentOf(request), idempotency_key: null };
    return { principal, request: context, reply_key: this.parts.replyKey };
  }
}

/** What is known of a request that may still be refused. */
interface Underway {
  readonly visit: Visit;
  resource: string;
  readonly isHead: boolean;
  arrival?: Arrival;
  clientIp?: string;
  identity?: Extract<Identity, { kind: 'principal' }>;
}

/** What somebody who is known may not do. It is written down. */
class Denied extends Error {
  constructor(
    readonly fault: S3Fault,
    readonly reason: string,
    readonly permissions: readonly string[],
  ) {
    super(fault.message);
  }
}

/** A credential that was looked at and is no good. It is written down as what it was. */
class RefusedCredential extends Error {
  constructor(
    readonly fault: S3Fault,
    readonly identity: Extract<Identity, { kind: 'refused' }>,
  ) {
    super(fault.message);
  }
}

const anonymous = (): S3Fault =>
  new S3Fault('AccessDenied', 'anonymous', 'This needs a signature: there is no anonymous access.');

/** Failed credentials, as against requests that are malformed. */
const isCredentials = ({ code, reason }: S3Fault): boolean =>
  ['SignatureDoesNotMatch', 'InvalidAccessKeyId', 'RequestTimeTooSkewed', 'XAmzContentSHA256Mismatch'].includes(code) ||
  (code === 'AccessDenied' && ['expired', 'not_yet_valid', 'header_not_signed'].includes(reason));

function demandPlainForm(rawHeaders: readonly string[]): void {
  const hosts = headerValues(rawHeaders, 'host');
  if (hosts.length !== 1 || !/^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.test(hosts[0] ?? ''))
    throw new S3Fault('InvalidRequest', 'host', 'The header Host is one host, and perhaps a port.');
  const codings = headerValues(rawHeaders, 'transfer-encoding');
  if (codings.length > 1 || (codings[0] ?? 'chunked').toLowerCase() !== 'chunked')
    throw new S3Fault('InvalidRequest', 'transfer_coding', 'The only transfer coding is "chunked".');
}

const resourceOf = ({ bucket, key }: S3Address): string =>
  `/${[bucket, key].filter((part) => part !== null).join('/')}`;

const causeOf = ({ cause }: { cause?: unknown }): string => (cause instanceof Error ? ` (${cause.message})` : '');
