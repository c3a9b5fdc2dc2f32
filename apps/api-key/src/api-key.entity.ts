import { Column, Entity, PrimaryColumn } from 'typeorm';
import { type Buckets, type KeyForm, type KeyOwner, type RateLimit } from '@portcullis/contracts';

/** Columns of `api_key`. Leaves this folder in no signature outside the store. */
@Entity('api_key')
export class ApiKeyEntity {
  @PrimaryColumn('text') id!: string;
  @Column('text', { name: 'organization_id' }) organizationId!: string;
  @Column('text') name!: string;
  @Column('text', { nullable: true }) description!: string | null;
  @Column('text', { name: 'owner_kind' }) ownerKind!: KeyOwner['kind'];
  @Column('text', { name: 'owner_id' }) ownerId!: string;
  @Column('text', { array: true }) forms!: KeyForm[];
  @Column('text', { name: 'key_prefix', nullable: true }) keyPrefix!: string | null;
  @Column('text', { name: 'client_id', nullable: true }) clientId!: string | null;
  @Column('text', { name: 'access_key_id', nullable: true }) accessKeyId!: string | null;
  @Column('text', { array: true }) roles!: string[];
  @Column('text', { array: true }) permissions!: string[];
  @Column('jsonb', { nullable: true }) buckets!: Buckets | null;
  @Column('text', { array: true, nullable: true }) networks!: string[] | null;
  @Column('jsonb', { name: 'rate_limit', nullable: true }) rateLimit!: RateLimit | null;
  @Column('jsonb') metadata!: Record<string, unknown>;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('text', { name: 'created_by' }) createdBy!: string;
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt!: Date | null;
  @Column('timestamptz', { name: 'disabled_at', nullable: true }) disabledAt!: Date | null;
  @Column('text', { name: 'disabled_by', nullable: true }) disabledBy!: string | null;
  @Column('timestamptz', { name: 'revoked_at', nullable: true }) revokedAt!: Date | null;
  @Column('text', { name: 'revoked_by', nullable: true }) revokedBy!: string | null;
  @Column('bigint', { name: 'revoked_seq', nullable: true }) revokedSeq!: string | null;
  @Column('timestamptz', { name: 'enforced_at', nullable: true }) enforcedAt!: Date | null;
  @Column('bigint', { name: 'changed_seq', nullable: true }) changedSeq!: string | null;
  @Column('timestamptz', { name: 'change_enforced_at', nullable: true }) changeEnforcedAt!: Date | null;
  @Column('timestamptz', { name: 'last_used_at', nullable: true }) lastUsedAt!: Date | null;
  @Column('text', { name: 'last_used_ip', nullable: true }) lastUsedIp!: string | null;
  @Column('text', { name: 'last_used_user_agent', nullable: true }) lastUsedUserAgent!: string | null;
}

/** Columns of `key_secret`: a digest, or of the s3 form an envelope; never the secret. */
@Entity('key_secret')
export class KeySecretEntity {
  @PrimaryColumn('text') id!: string;
  @Column('text', { name: 'key_id' }) keyId!: string;
  @Column('text') form!: KeyForm;
  @Column('text', { nullable: true }) lookup!: string | null;
  @Column('text', { nullable: true }) sha256!: string | null;
  @Column('text', { name: 'access_key_id', nullable: true }) accessKeyId!: string | null;
  /** Not read by this entity: what opens it asks for it by name. */
  @Column('text', { nullable: true, select: false }) envelope!: string | null;
  @Column('integer') generation!: number;
  @Column('text', { name: 'foreign_prefix', nullable: true }) foreignPrefix!: string | null;
  @Column('boolean') cut!: boolean;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt!: Date | null;
  @Column('timestamptz', { name: 'last_used_at', nullable: true }) lastUsedAt!: Date | null;
}
