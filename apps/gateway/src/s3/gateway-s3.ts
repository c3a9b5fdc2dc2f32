import { once } from 'node:events';
import { type Server } from 'node:http';
import type { Bucket, ReplyOf } from '@portcullis/contracts';
import { type S3Config } from '../config.js';
import { type ServerLimits } from '../server-limits.js';
import { type TlsIdentity } from '../tls.js';
import { S3Buckets, type S3BucketsParts } from './buckets.js';
import { S3Door, type S3DoorParts } from './s3-door.js';
import { createS3Server } from './s3-listener.js';
import { S3Upstream } from './upstream.js';

type Made = 'upstream' | 'buckets' | 'publicUrl' | 'region';

export interface GatewayS3Parts extends Omit<S3DoorParts, Made>, Pick<S3BucketsParts, 'policyBuckets' | 'ask'> {
  readonly tls?: TlsIdentity | undefined;
  readonly serverLimits?: Partial<ServerLimits>;
  listOwned(request: { organization_id: string; after?: string }): Promise<ReplyOf<typeof Bucket.listOwned>>;
}

/** The S3 side of a gateway process: one listener, one upstream. */
export class GatewayS3 {
  readonly buckets: S3Buckets;
  readonly server: Server;
  readonly #upstream: S3Upstream;

  constructor(
    private readonly config: S3Config,
    parts: GatewayS3Parts,
  ) {
    const { publicUrl, region } = config;
    const upstream = new S3Upstream(config.upstream, () => new Date(parts.now().wallMs));
    this.#upstream = upstream;
    this.buckets = new S3Buckets({
      upstream,
      region,
      policyBuckets: parts.policyBuckets,
      ask: parts.ask,
      ownerOf: (name) => parts.judge.bucketOwner(name),
      namesOf: (organizationId) => allNames(parts, organizationId),
    });
    const door = new S3Door({ ...parts, upstream, buckets: this.buckets, publicUrl, region });
    this.server = createS3Server(door, {
      tls: parts.tls,
      ...(parts.serverLimits ? { limits: parts.serverLimits } : {}),
    });
  }

  /** Rejects if the port cannot be had. */
  async listen(port = this.config.port, host = '0.0.0.0'): Promise<void> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
  }

  /** Takes no new connection, and answers when what is under way is done. */
  async drain(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeIdleConnections();
    await closed;
  }

  cutAll(): void {
    this.server.closeAllConnections();
  }

  close(): Promise<void> {
    return this.#upstream.close();
  }
}

async function allNames({ listOwned }: Pick<GatewayS3Parts, 'listOwned'>, organizationId: string): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    const after = names.at(-1);
    const { buckets, more } = await listOwned({
      organization_id: organizationId,
      ...(after === undefined ? {} : { after }),
    });
    names.push(...buckets.map(({ name }) => name));
    if (!more || buckets.length === 0) return names;
  }
}
