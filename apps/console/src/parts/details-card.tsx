import { ActionIcon } from '@mantine/core';
import type { ReactNode } from 'react';
import { Icon } from './icon.tsx';

interface DetailsCardProps {
  readonly kind: string;
  readonly name: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** What is selected, in more words than a row has. */
export const DetailsCard = ({ kind, name, onClose, children }: DetailsCardProps) => (
  <>
    <header className="pl-details-head">
      <h2>
        <span className="pl-quiet">{kind}</span> {name}
      </h2>
      <ActionIcon variant="subtle" color="gray" size="sm" onClick={onClose} aria-label={`Close ${name}`} title="Esc">
        <Icon name="close" />
      </ActionIcon>
    </header>
    {children}
  </>
);
