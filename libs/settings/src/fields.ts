import { z } from 'zod';

/** A whole number written in plain decimal digits. Unlike `z.coerce.number()`, `1e3`, `0x10`, `' 5'` are refused. */
export function wholeNumber({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,16}$/, `is not a whole number ${range}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `is not a whole number ${range}`);
}

/**
 * Days after which what an audit event says is dropped, 31 to 36,500; not set: never. No shorter: a dead letter of a webhook may be replayed for 30 days
 * after a day of attempts, and a month of events is to be whole when somebody exports it.
 */
export function auditRetentionDays() {
  return wholeNumber({ min: 31, max: 36_500 })
    .optional()
    .describe('After so many days what an audit event says is dropped for good; without it, never.');
}

/** A TCP port that can be listened on, 1 to 65535. */
export function port() {
  return wholeNumber({ min: 1, max: 65_535 });
}

/** A list separated by commas; blanks around an item are dropped, empty items are refused. */
export function commaSeparated<T extends z.ZodType<unknown, string>>(item: T) {
  return z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(item));
}

/** For `transform`: what `read` makes of the text. The message of a `Refused` that it throws is the fault, so it repeats nothing of the text. */
export function readBy<T>(read: (text: string) => T, Refused: new (message: string) => Error) {
  return (text: string, context: z.RefinementCtx): T => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  };
}
