import { type Sealed } from '@portcullis/contracts';
import { z } from 'zod';
import { isSealed, unwrap } from './routes/http-input.js';

/** Opens what a service sealed to this process. */
export type Unseal = (sealed: Sealed) => string;

/**
 * A service's reply as clients see it: what the contract calls `Sealed` is opened, everything else is as it came. It goes by the
 * schema, not by what values look like: an operator's own metadata may look sealed and is none of ours.
 */
export function renderReply(schema: z.ZodType, reply: unknown, unseal: Unseal): unknown {
  if (reply === null || reply === undefined) return reply;
  if (isSealed(schema)) return unseal(reply as Sealed);
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) {
    return (reply as unknown[]).map((item) => renderReply(inner.element as z.ZodType, item, unseal));
  }
  if (!(inner instanceof z.ZodObject)) return reply;
  const shape = inner.shape as Record<string, z.ZodType>;
  const fields = Object.entries(reply).map(([name, value]): [string, unknown] => {
    const field = shape[name];
    return [name, field ? renderReply(field, value, unseal) : value];
  });
  return Object.fromEntries(fields);
}
