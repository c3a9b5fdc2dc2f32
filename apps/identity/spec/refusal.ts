import { Refusal } from '@portcullis/contracts';

/** What a call was refused with; fails if it was not. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const refusal = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof Refusal)) throw new Error('it was not refused', { cause: refusal });
  return refusal;
}
