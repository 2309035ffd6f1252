import type { ReactNode } from 'react';
import { Brand } from '../parts/brand.tsx';

/** A page for who is not signed in: one thing to do. */
export const AloneCard = ({ title, children }: { readonly title: string; readonly children: ReactNode }) => (
  <main className="pl-alone">
    <div className="pl-sign-in">
      <Brand />
      <h1>{title}</h1>
      {children}
    </div>
  </main>
);
