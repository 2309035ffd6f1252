import type { ReactNode } from 'react';

/** Said only when it takes a moment: the words fade in late (see parts.css). */
export const Waiting = ({ children }: { readonly children: ReactNode }) => (
  <p className="pl-waiting" role="status">
    {children}
  </p>
);
