import type { Person } from '@planetlab/contract';
import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query';
import { goOn } from './way-back.ts';

/** A way to sign in; who comes out of it is signed in, and where they meant to go. */
export function useSignIn<T>(way: (input: T) => Promise<Person>): UseMutationResult<Person, Error, T> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: way,
    onSuccess: (person) => {
      queries.setQueryData(['session'], { person, problem: null });
      goOn();
    },
  });
}
