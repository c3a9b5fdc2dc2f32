import { z } from 'zod';
import { Time } from '../text.js';
import { eventsOf, granted, Names, oneOf, Reason } from './event-type.js';

const event = eventsOf('identity');

const organization = { kind: 'organization' };
const user = { kind: 'user' };
const account = { kind: 'service-account' };
/** Keys that were live then; each is revoked with an event of its own. Null: which ones was not known at that time. */
const keys = Names.nullable();
const accountFields = { name: z.string(), description: z.string().nullable(), ...granted };

/** Why a password did not let somebody in. */
const passwordFaults = [
  'unknown_email',
  'wrong_password',
  'no_membership',
  'user_active',
  'user_invited',
  'user_disabled',
] as const;
const roleToken = { role: z.string(), family: z.string(), expires_at: Time };
/** By which family of tokens: the session, or what a key was traded for. */
const family = { family: z.string() };
const issued = { ...family, client_id: z.string(), permissions: Names };

export const identityEvents = {
  'organization.created': event('An organization was made.', {
    ...organization,
    details: { name: z.string(), owner: z.string().optional(), first: z.literal(true).optional() },
  }),
  'organization.updated': event('An organization was renamed.', { ...organization, details: { name: z.string() } }),
  'organization.suspended': event('An organization was suspended: none of its credentials is accepted.', organization),
  'organization.resumed': event('A suspended organization goes on.', organization),

  'user.created': event('A person is new, and is a member.', {
    ...user,
    details: { roles: Names, permissions: Names.optional(), invited: z.boolean().optional() },
  }),
  'user.joined': event('A person who was known already is a member of one organization more.', {
    ...user,
    details: { ...granted, invited: z.boolean() },
  }),
  'user.updated': event('A person has another name, or holds something else in the organization.', {
    ...user,
    details: {
      name: z.string().nullable().optional(),
      before: z.strictObject(granted).optional(),
      after: z.strictObject(granted).optional(),
    },
  }),
  'user.disabled': event('A membership was disabled.', user),
  'user.enabled': event('A disabled membership goes on.', user),
  'user.removed': event('A person is no member any more; their keys of the organization end.', {
    ...user,
    details: { ...granted, person_deleted: z.boolean(), keys },
  }),
  'invitation.created': event('A link was made by which a person sets a first password.', {
    ...user,
    details: { expires_at: Time },
  }),
  'invitation.accepted': event('A person has set a first password.', user),
  'password.changed': event('A password was changed; other sessions of that person end.', {
    ...user,
    details: { own: z.boolean(), sessions: Names },
  }),
  'password.refused': event('The current password, asked for before a change, was wrong.', {
    ...user,
    outcome: 'denied',
    reason: oneOf(...passwordFaults),
  }),

  'service-account.created': event('A service account was made.', {
    ...account,
    details: { name: z.string(), ...granted },
  }),
  'service-account.updated': event('A service account was edited.', {
    ...account,
    details: { before: z.strictObject(accountFields), after: z.strictObject(accountFields) },
  }),
  'service-account.disabled': event('A service account was disabled, and all its keys with it.', account),
  'service-account.enabled': event('A disabled service account goes on.', account),
  'service-account.deleted': event('A service account was deleted; its keys end.', {
    ...account,
    details: { name: z.string(), keys },
  }),

  'session.created': event('A person has signed in.', { kind: 'session', details: { token: z.string() } }),
  'session.refused': event('A sign-in failed.', { ...user, outcome: 'denied', reason: oneOf(...passwordFaults) }),
  'session.ended': event('A person has signed out.', { kind: 'session', reason: oneOf('logout') }),
  'session.locked': event('Sign-ins failed so often that no more are looked at for a while.', {
    ...user,
    outcome: 'denied',
    reason: oneOf('too_many_for_user', 'too_many_for_address'),
    details: { place: z.string() },
  }),

  'token.issued': event('A key or a machine client got tokens.', { kind: 'token', details: issued }),
  'token.refreshed': event('A refresh token was traded for the next pair.', {
    kind: 'token',
    details: {
      ...family,
      permissions: Names,
      /** The access token of a pair whose answer was lost: this one takes its place. */
      replaced: z.string().optional(),
    },
  }),
  'token.reused': event('A refresh token was presented again after its use, which a thief would do.', {
    kind: 'token',
    outcome: 'denied',
    details: family,
  }),
  'family.revoked': event('All tokens that came from one sign-in or one grant were revoked.', {
    kind: 'family',
    reason: oneOf('refresh_token_reused', 'revoked_by_client'),
    details: { family: z.string().optional() },
  }),

  'role-token.issued': event('A role token was issued.', { kind: 'role-token', details: roleToken }),
  'role-token.refreshed': event('A role token was traded for another.', {
    kind: 'role-token',
    details: { ...roleToken, from: z.string(), from_role: z.string() },
  }),
  'role-token.refused': event('A role token was not issued, or not refreshed.', {
    kind: ['role-token', 'user'],
    outcome: 'denied',
    reason: Reason,
    details: { role: z.string().optional() },
  }),
  'role-tokens.revoked': event('One role token was revoked with its family, or all of the installation were.', {
    kind: ['role-token', 'role-tokens'],
    details: { family: z.string().optional(), epoch: z.number().int().optional() },
  }),

  'signing-key.created': event('A key that will sign tokens was made.', {
    kind: 'signing-key',
    details: { signs_from: Time, retires_at: Time },
  }),
  'signing-key.retired': event('A signing key has had its time, and is published no longer.', { kind: 'signing-key' }),
  'signing-key.revoked': event('A signing key was revoked: nothing that it signed is valid.', { kind: 'signing-key' }),
  'gateway.registered': event('A gateway has started, with a key of its own.', {
    kind: 'gateway',
    details: { kid: z.string() },
  }),
} as const;
