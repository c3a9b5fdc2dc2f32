import { z } from 'zod';

/** How a revocation was enforced: what every revoking answer carries. */
export const EnforcementReceipt = z.object({
  enforcers: z.number().int().nonnegative(),
  acknowledged: z.number().int().nonnegative(),
  fenced: z.number().int().nonnegative(),
  elapsed_ms: z.number().nonnegative(),
});
export type EnforcementReceipt = z.infer<typeof EnforcementReceipt>;

/** The services that own credentials or principals, and so issue markers. */
export const authorities = ['identity', 'api-key', 'client-registry'] as const satisfies readonly string[];
export type Authority = (typeof authorities)[number];

/** The point of an authority's history at which a record was read: what an enforcer needs to tell an old answer from a new one. */
export const Position = z.object({ history: z.string(), seq: z.number().int().nonnegative() });
export type Position = z.infer<typeof Position>;
