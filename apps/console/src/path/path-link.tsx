import type { MouseEvent, ReactNode } from 'react';
import { goTo, usePath } from './use-path.ts';

/** A link to another page of the console: without loading it anew, unless a new tab is wanted. */
export function PathLink({ to, children }: { readonly to: string; readonly children: ReactNode }) {
  const path = usePath();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    goTo(to);
  };
  return (
    <a className="pl-link" href={to} onClick={follow} aria-current={path === to ? 'page' : undefined}>
      {children}
    </a>
  );
}
