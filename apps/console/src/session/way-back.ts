import { goTo } from '../path/use-path.ts';

const KEY = 'planetlab-way-back';

/** Where somebody meant to go who has to sign in first, perhaps at their institution: for this tab, until it is used. */
export const keepWayBack = (address: string): void => window.sessionStorage.setItem(KEY, address);

export const forgetWayBack = (): void => window.sessionStorage.removeItem(KEY);

/** After signing in: to where they meant to go, else to the overview. */
export function goOn(): void {
  const address = window.sessionStorage.getItem(KEY);
  forgetWayBack();
  if (address === null) goTo('/');
  else if (!address.startsWith(`${window.location.pathname}#`)) window.location.assign(address);
}
