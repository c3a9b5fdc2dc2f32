import { type NatsUser } from '@portcullis/embedded';
import { natsUsers } from '@portcullis/bus';
import { type BusUser } from '@portcullis/contracts';

/** Passwords of the NATS users of services and guards, and of the one that makes the streams. */
export type NatsPasswords = Readonly<Record<BusUser | 'admin', string>>;

/** All users of a message server of our own: what the contracts allow each service, and an administrator for `provision`. */
export function natsAccounts(passwords: NatsPasswords): NatsUser[] {
  const everything = { allow: ['>'] };
  return [
    { user: 'admin', password: passwords.admin, publish: everything, subscribe: everything },
    ...natsUsers(passwords),
  ];
}
