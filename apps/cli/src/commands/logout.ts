import { leaf } from '../leaf.ts';
import type { Register } from '../program.ts';
import { configFileOf, forgetSignIn } from '../session/settings.ts';

export const register: Register = (logout, io) => {
  leaf(logout, io, { example: 'pl logout' }, async (invocation) => {
    const file = configFileOf(invocation);
    await forgetSignIn(file);
    invocation.print.done({}, 'Signed out here. The token itself still works; `pl token remove` revokes one.');
  });
};
