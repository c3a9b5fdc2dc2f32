import { z } from 'zod';

/** What every list takes. The cursor is opaque; a tampered one is refused with `invalid_cursor`. */
export const pageRequest = {
  limit: z.number().int('must be a whole number').min(1, 'must be 1 to 100').max(100, 'must be 1 to 100').default(50),
  cursor: z.string().max(1024).optional(),
};

/** What every list answers. */
export const Page = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() });
