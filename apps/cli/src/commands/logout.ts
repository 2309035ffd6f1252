import { isPlanetLabError, messageOf } from '@planetlab/model';
import type { Invocation } from '../leaf.ts';
import { leaf } from '../leaf.ts';
import type { Register } from '../program.ts';
import { connect } from '../session/client.ts';
import { configFileOf, forgetSignIn, readSignIn, type SavedSignIn } from '../session/settings.ts';

export const register: Register = (logout, io) => {
  leaf(logout, io, { example: 'pl logout' }, async (invocation) => {
    const file = configFileOf(invocation);
    const saved = await readSignIn(file);
    // The token first: once it is forgotten here, nobody could revoke it by it.
    const problem = saved === undefined ? undefined : await revoke(invocation, saved);
    await forgetSignIn(file);
    if (saved === undefined) return invocation.print.done({}, 'You were not signed in here.');
    if (problem === undefined)
      return invocation.print.done({}, `Signed out of ${saved.url}; the token works no longer.`);
    return invocation.print.done(
      {},
      `Signed out here, but the token may still work: ${problem} Revoke it with \`pl token remove\` when you are signed in again.`,
    );
  });
};

/** Why the token could not be revoked; undefined when it does not work any more. */
async function revoke(invocation: Invocation, { url, token }: SavedSignIn): Promise<string | undefined> {
  try {
    await connect(invocation, url, token).client.deleteCurrentToken({});
    return undefined;
  } catch (error) {
    return isPlanetLabError(error, 'not_signed_in') ? undefined : messageOf(error);
  }
}
