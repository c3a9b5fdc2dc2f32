import { type NatsUser } from '@portcullis/embedded';
import { auditReaderUser, natsUsers } from '@portcullis/bus';
import { type BusUser } from '@portcullis/contracts';

/** Passwords of the NATS users of services and guards, and of the one that makes the streams. */
export type NatsPasswords = Readonly<Record<BusUser | 'admin', string>>;

/**
 * All users of a message server of our own: what the contracts allow each service, an administrator for `provision`, and readers of the
 * record by their names.
 */
export function natsAccounts(
  passwords: NatsPasswords,
  auditReaders: Readonly<Record<string, string>> = {},
): NatsUser[] {
  const everything = { allow: ['>'] };
  return [
    { user: 'admin', password: passwords.admin, publish: everything, subscribe: everything },
    ...natsUsers(passwords),
    ...Object.entries(auditReaders).map(([name, password]) => auditReaderUser(name, password)),
  ];
}
