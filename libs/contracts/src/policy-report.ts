import { z } from 'zod';
import { services } from './operation.js';
import { Time } from './text.js';

/** What one process that decides says of the policy it runs. It answers for itself alone: processes are compared by who reads. */
export const PolicyReport = z.object({
  service: z.enum(services),
  /** New at each start of the process. */
  instance_id: z.string(),
  /** SHA-256, hex, over the texts of the policy's files. */
  digest: z.string(),
  /** When it came into force in this process. */
  loaded_at: Time,
  /** The last edit, if it was not taken: the digest above stays in force until the files are mended. */
  refused: z
    .object({
      at: Time,
      faults: z.array(z.object({ file: z.string(), line: z.number().int(), message: z.string() })),
    })
    .nullable(),
});
export type PolicyReport = z.infer<typeof PolicyReport>;
