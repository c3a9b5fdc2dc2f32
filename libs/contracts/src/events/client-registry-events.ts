import { z } from 'zod';
import { Time } from '../text.js';
import { change, eventsOf, Names } from './event-type.js';

const event = eventsOf('client-registry');

const client = { kind: 'client' };
/** SHA-256 of the key, as `GET /v1/clients` shows it. */
const publicKey = z.object({ fingerprint: z.string(), algorithm: z.string() });
const changed = change({ name: z.string(), networks: Names, roles: Names, enabled: z.boolean() });

export const clientRegistryEvents = {
  'client.created': event('A machine client was registered.', {
    ...client,
    details: {
      name: z.string(),
      client_id: z.string(),
      networks: Names,
      roles: Names,
      enabled: z.boolean(),
      public_key: publicKey,
    },
  }),
  'client.updated': event('A machine client was edited.', { ...client, details: changed }),
  'client.rotated': event('A machine client has another key; those before it end.', {
    ...client,
    details: {
      overlap_seconds: z.number().int(),
      public_key: publicKey,
      /** Fingerprints. */
      replaced: Names,
      old_keys_end_at: Time,
    },
  }),
  'client.disabled': event('A machine client was disabled.', { ...client, details: changed }),
  'client.enabled': event('A disabled machine client goes on.', { ...client, details: changed }),
  'client.revoked': event('A machine client was revoked.', client),
} as const;
