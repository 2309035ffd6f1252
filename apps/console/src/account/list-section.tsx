import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Problem } from '../parts/problem.tsx';

export interface ListedThing {
  readonly id: string;
  readonly name: string;
  readonly words: string;
  /** What stands on its button; none without. */
  readonly action?: string;
}

interface ListSectionProps {
  readonly title: string;
  readonly things: readonly ListedThing[];
  readonly empty: string;
  readonly error: unknown;
  readonly onRemove: (id: string) => void;
  /** A form for a new one. */
  readonly children?: ReactNode;
}

/** Things of one's own, each with a button that ends it. */
export const ListSection = ({ title, things, empty, error, onRemove, children }: ListSectionProps) => (
  <section className="pl-panel pl-page-section" aria-label={title}>
    <h2>{title}</h2>
    {things.length === 0 && <p className="pl-quiet">{empty}</p>}
    <ul className="pl-rows">
      {things.map(({ id, name, words, action }) => (
        <li key={id}>
          <span className="pl-row-text">
            <strong>{name}</strong> <span className="pl-quiet">{words}</span>
          </span>
          {action !== undefined && (
            <Button size="compact-sm" variant="default" aria-label={`${action} ${name}`} onClick={() => onRemove(id)}>
              {action}
            </Button>
          )}
        </li>
      ))}
    </ul>
    <Problem error={error} />
    {children}
  </section>
);
