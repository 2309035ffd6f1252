import { PlanetLabError } from '@planetlab/model';

/** Gives out a bounded number of places under each name; what it returns gives the place back. */
export function createSlots(most: number, what: string): (name: string) => Disposable {
  const taken = new Map<string, number>();
  return (name) => {
    const before = taken.get(name) ?? 0;
    if (before >= most) {
      throw new PlanetLabError(
        'too_many_requests',
        `${name} already has ${before} ${what} at the same time, which is the most. Wait until one of them has ended.`,
        { details: { most } },
      );
    }
    taken.set(name, before + 1);
    return {
      [Symbol.dispose]() {
        const left = (taken.get(name) ?? 1) - 1;
        if (left === 0) taken.delete(name);
        else taken.set(name, left);
      },
    };
  };
}
