import { z } from 'zod';
import { EnforcementReceipt } from './enforcement.js';
import { Id } from './ids.js';
import { openOperation, principalOperation, revokingSeconds } from './operation.js';
import { Page, pageRequest } from './page.js';
import { Name, Sealed, Text, Time } from './text.js';

const PathId = z.string().max(64);
const GrantName = Text(128).min(1, 'must not be empty');
const Roles = z.array(GrantName).max(64, 'must name at most 64');
const Permissions = z.array(GrantName).max(256, 'must name at most 256');

/** An address as people write it; what a mail header or an address list would read as more than one is refused. */
export const Email = Text(254).regex(
  /^[^\s@<>()[\]\\,;:"]{1,64}@[^\s@<>()[\]\\,;:"]{1,189}$/,
  'must be an e-mail address such as ada@example.com',
);

/** A change of what somebody holds is answered when every live enforcer goes by it; null where none was needed. */
const Enforced = { enforcement: EnforcementReceipt.nullable() };

export const OrganizationRecord = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(['active', 'suspended']),
  /** The one that the installation began with: it alone creates, suspends and resumes others. */
  first: z.boolean(),
  created_at: Time,
  suspended_at: Time.nullable(),
  suspended_by: z.string().nullable(),
  enforced_at: Time.nullable(),
});
export type OrganizationRecord = z.infer<typeof OrganizationRecord>;

export const userStatuses = ['active', 'invited', 'disabled'] as const;

/** A person as one organization knows them: their membership in it, and the name and address that all share. */
export const UserRecord = z.object({
  id: z.string(),
  organization_id: z.string(),
  email: z.string(),
  name: z.string().nullable(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  /** `invited` until they have a password. */
  status: z.enum(userStatuses),
  created_at: Time,
  created_by: z.string().nullable(),
  disabled_at: Time.nullable(),
  disabled_by: z.string().nullable(),
  enforced_at: Time.nullable(),
});
export type UserRecord = z.infer<typeof UserRecord>;

/** A link to a page, the token in its fragment: what stands there is sent to no server and so is in no log. */
export const ShownInvitation = {
  invitation_url: Sealed.optional(),
  invitation_expires_at: Time.optional(),
  /** Whether it was mailed too; null where no mail is sent. */
  invitation_mail: z.enum(['sent', 'failed']).nullable(),
  secret_already_shown: z.literal(true).optional(),
};

export const UserRemoval = z.object({
  id: z.string(),
  organization_id: z.string(),
  status: z.literal('removed'),
  removed_at: Time,
  removed_by: z.string(),
  enforced_at: Time.nullable(),
  enforcement: EnforcementReceipt,
});

export const serviceAccountStatuses = ['active', 'disabled', 'deleted'] as const;

export const ServiceAccountRecord = z.object({
  id: z.string(),
  organization_id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  status: z.enum(serviceAccountStatuses),
  created_at: Time,
  created_by: z.string(),
  disabled_at: Time.nullable(),
  disabled_by: z.string().nullable(),
  deleted_at: Time.nullable(),
  deleted_by: z.string().nullable(),
  enforced_at: Time.nullable(),
});
export type ServiceAccountRecord = z.infer<typeof ServiceAccountRecord>;

const named = z.strictObject({ id: PathId });

const organizationOperations = {
  /** All of them for the first organization, else one's own; for a session that names none, those that the person is in. */
  listOrganizations: principalOperation({
    subject: 'identity.list-organizations',
    permission: 'organizations:view',
    needsOrganization: false,
    request: z.strictObject({ ...pageRequest }),
    reply: Page(OrganizationRecord),
  }),
  readOrganization: principalOperation({
    subject: 'identity.read-organization',
    permission: 'organizations:view',
    request: named,
    reply: OrganizationRecord,
  }),
  /** Whoever makes one becomes its owner, and must hold all that an owner does. */
  createOrganization: principalOperation({
    subject: 'identity.create-organization',
    permission: 'organizations:manage',
    request: z.strictObject({ name: Name }),
    reply: OrganizationRecord.extend(Enforced),
    timeoutSeconds: revokingSeconds,
  }),
  updateOrganization: principalOperation({
    subject: 'identity.update-organization',
    permission: 'organizations:manage',
    request: z.strictObject({ id: PathId, name: Name }),
    reply: OrganizationRecord,
  }),
  suspendOrganization: principalOperation({
    subject: 'identity.suspend-organization',
    permission: 'organizations:manage',
    request: named,
    reply: OrganizationRecord.extend(Enforced),
    timeoutSeconds: revokingSeconds,
  }),
  resumeOrganization: principalOperation({
    subject: 'identity.resume-organization',
    permission: 'organizations:manage',
    request: named,
    reply: OrganizationRecord.extend(Enforced),
    timeoutSeconds: revokingSeconds,
  }),
};

const userOperations = {
  listUsers: principalOperation({
    subject: 'identity.list-users',
    permission: 'users:view',
    request: z.strictObject({
      ...pageRequest,
      status: z.enum(userStatuses).optional(),
      role: GrantName.optional(),
      q: Text(100).optional(),
    }),
    reply: Page(UserRecord),
  }),
  readUser: principalOperation({
    subject: 'identity.read-user',
    permission: 'users:view',
    request: named,
    reply: UserRecord,
  }),
  /** A new person, with a password or an invitation; or somebody who is known, who becomes a member here too. */
  createUser: principalOperation({
    subject: 'identity.create-user',
    permission: 'users:manage',
    request: z.strictObject({
      email: Email,
      name: Name.nullable().default(null),
      roles: Roles.default([]),
      permissions: Permissions.default([]),
      password: Sealed.optional(),
    }),
    reply: UserRecord.extend({
      ...Enforced,
      ...ShownInvitation,
      /** Their address was known: they are who they were, and the name and password of the request changed nothing. */
      known: z.boolean(),
    }),
    timeoutSeconds: revokingSeconds,
  }),
  updateUser: principalOperation({
    subject: 'identity.update-user',
    permission: 'users:manage',
    request: z.strictObject({
      id: PathId,
      name: Name.nullable().optional(),
      roles: Roles.optional(),
      permissions: Permissions.optional(),
      status: z.enum(['active', 'disabled']).optional(),
    }),
    reply: UserRecord.extend(Enforced),
    timeoutSeconds: revokingSeconds,
  }),
  /** Ends the membership in this organization; with the last one the person is gone. A repeat answers with the first removal. */
  removeUser: principalOperation({
    subject: 'identity.remove-user',
    permission: 'users:manage',
    request: named,
    reply: UserRemoval,
    timeoutSeconds: revokingSeconds,
  }),
  /** A fresh link for somebody who has no password yet; older ones are void. */
  inviteUser: principalOperation({
    subject: 'identity.invite-user',
    permission: 'users:manage',
    request: named,
    reply: UserRecord.extend(ShownInvitation),
    timeoutSeconds: revokingSeconds,
  }),
  /** One's own password needs the current one; another's needs `users:manage`, and all that they hold anywhere. */
  changePassword: principalOperation({
    subject: 'identity.change-password',
    permission: null,
    request: z.strictObject({ id: PathId, password: Sealed, current_password: Sealed.optional() }),
    reply: z.object({ id: z.string(), sessions_ended: z.number().int(), enforcement: EnforcementReceipt }),
    timeoutSeconds: revokingSeconds,
  }),
  /** Good once: the holder of the link sets a password and can sign in from then on. */
  acceptInvitation: openOperation({
    subject: 'identity.accept-invitation',
    request: z.strictObject({ token: Sealed, password: Sealed }),
    reply: z.object({ id: z.string(), email: z.string(), organization_id: z.string() }),
    timeoutSeconds: 10,
  }),
};

const serviceAccountOperations = {
  listServiceAccounts: principalOperation({
    subject: 'identity.list-service-accounts',
    permission: 'serviceaccounts:view',
    request: z.strictObject({
      ...pageRequest,
      /** Deleted ones are listed only when asked for. */
      status: z.enum(serviceAccountStatuses).optional(),
      q: Text(100).optional(),
    }),
    reply: Page(ServiceAccountRecord),
  }),
  readServiceAccount: principalOperation({
    subject: 'identity.read-service-account',
    permission: 'serviceaccounts:view',
    request: named,
    reply: ServiceAccountRecord,
  }),
  createServiceAccount: principalOperation({
    subject: 'identity.create-service-account',
    permission: 'serviceaccounts:manage',
    request: z.strictObject({
      name: Name,
      description: Text(500).nullable().default(null),
      roles: Roles.default([]),
      permissions: Permissions.default([]),
    }),
    reply: ServiceAccountRecord,
  }),
  updateServiceAccount: principalOperation({
    subject: 'identity.update-service-account',
    permission: 'serviceaccounts:manage',
    request: z.strictObject({
      id: PathId,
      name: Name.optional(),
      description: Text(500).nullable().optional(),
      roles: Roles.optional(),
      permissions: Permissions.optional(),
    }),
    reply: ServiceAccountRecord.extend(Enforced),
    timeoutSeconds: revokingSeconds,
  }),
  disableServiceAccount: principalOperation({
    subject: 'identity.disable-service-account',
    permission: 'serviceaccounts:manage',
    request: named,
    reply: ServiceAccountRecord.extend(Enforced),
    timeoutSeconds: revokingSeconds,
  }),
  enableServiceAccount: principalOperation({
    subject: 'identity.enable-service-account',
    permission: 'serviceaccounts:manage',
    request: named,
    reply: ServiceAccountRecord.extend(Enforced),
    timeoutSeconds: revokingSeconds,
  }),
  /** The record stays, with the status `deleted`; its keys are revoked. */
  deleteServiceAccount: principalOperation({
    subject: 'identity.delete-service-account',
    permission: 'serviceaccounts:manage',
    request: named,
    reply: ServiceAccountRecord.extend(Enforced),
    timeoutSeconds: revokingSeconds,
  }),
};

/** Whoever can own a credential, and the organizations that they belong to. They are part of `Identity`. */
export const ownerOperations = {
  ...organizationOperations,
  ...userOperations,
  ...serviceAccountOperations,
} as const;

/** `usr_…` or `sa_…`: whoever keys belong to. */
export const OwnerId = z.union([Id('usr'), Id('sa')]);
