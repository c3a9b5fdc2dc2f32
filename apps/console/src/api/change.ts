import { useMutation, type UseMutationResult, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { isUndecided } from './problem';

/** Of a type that the typed client takes for headers: an interface would have no index. */
export type Repeatable = Readonly<Record<'Idempotency-Key', string>>;

/**
 * A change that may be asked for again without being made twice: the key of a call whose outcome is not known is kept for the next
 * one that says the same. What was answered (it may hold a secret) is kept by no cache.
 * @param about the kinds of records that it changes: what is shown of them is read anew
 */
export function useChange<Input, Reply>(
  about: readonly string[],
  work: (input: Input, headers: Repeatable) => Promise<Reply>,
): UseMutationResult<Reply, Error, Input> {
  const queries = useQueryClient();
  const pending = useRef<{ said: string; key: string } | null>(null);
  return useMutation<Reply, Error, Input>({
    gcTime: 0,
    mutationFn: async (input) => {
      const said = JSON.stringify(input);
      if (pending.current?.said !== said) pending.current = { said, key: newKey() };
      try {
        const reply = await work(input, { 'Idempotency-Key': pending.current.key });
        pending.current = null;
        return reply;
      } catch (error) {
        if (!isUndecided(error)) pending.current = null;
        throw error;
      }
    },
    // Nobody waits for lists to hear what came of it.
    onSettled: () => {
      for (const kind of about) void queries.invalidateQueries({ queryKey: [kind] });
    },
  });
}

/** 128 bits. `randomUUID` is for secure contexts alone. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
