import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query';

/** A change at the PLC, after which the lists that show it are read again. */
export function useChange<T = void>(
  key: string,
  work: (input: T) => Promise<unknown>,
): UseMutationResult<unknown, Error, T> {
  const queries = useQueryClient();
  return useMutation({ mutationFn: work, onSettled: () => queries.invalidateQueries({ queryKey: [key] }) });
}
