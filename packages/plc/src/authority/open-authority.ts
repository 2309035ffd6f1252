import { inTurn } from '../store/one-at-a-time.ts';
import type { Store } from '../store/store.ts';
import { type Authority, loadAuthority } from './authority.ts';
import { belongsToAuthority, recordAuthority } from './record-authority.ts';

/**
 * The authority whose keys are in a folder and whose database this is; made the first time. Of processes that start for
 * the first time together one makes it, and the others wait for it: else they would write over each other's keys. Throws
 * as `loadAuthority` and `recordAuthority` do.
 */
export const openAuthority = (store: Store, folder: string, defaultName: string): Promise<Authority> =>
  inTurn(store.db, 'authority', async () => {
    const mayMake = !(await belongsToAuthority(store.db));
    const authority = await loadAuthority({ folder, mayMake, defaultName }, store.now().getTime());
    await recordAuthority(store, authority);
    return authority;
  });
