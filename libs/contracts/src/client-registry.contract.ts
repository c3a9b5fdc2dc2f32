import { z } from 'zod';
import { CredentialStatus } from './api-key.contract.js';
import { principalOperation } from './operation.js';
import { Page, pageRequest } from './page.js';
import { Time } from './text.js';

/** A machine client that signs its requests. */
export const ClientRecord = z.object({
  id: z.string(),
  account_id: z.string(),
  client_id: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  status: CredentialStatus,
  public_key: z.object({ fingerprint: z.string(), algorithm: z.string(), preview: z.string() }),
  networks: z.array(z.string()),
  roles: z.array(z.string()),
  role_count: z.string(),
  roles_available: z.number().int(),
  created_at: Time,
  created_by: z.string(),
  revoked_at: Time.nullable(),
  revoked_by: z.string().nullable(),
  enforced_at: Time.nullable(),
  rotated_at: Time.nullable(),
  last_used_at: Time.nullable(),
  last_used_ip: z.string().nullable(),
  last_used_user_agent: z.string().nullable(),
});
export type ClientRecord = z.infer<typeof ClientRecord>;

export const ClientRegistry = {
  list: principalOperation({
    subject: 'client-registry.list',
    permission: 'clients:view',
    request: z.strictObject({ ...pageRequest }),
    reply: Page(ClientRecord),
  }),
} as const;
