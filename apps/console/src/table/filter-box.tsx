import { TextInput } from '@mantine/core';
import { type KeyboardEvent, type RefObject, useEffect } from 'react';
import { Icon } from '../parts/icon.tsx';

interface FilterBoxProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly inputRef: RefObject<HTMLInputElement | null>;
}

/** Found with `/` from anywhere. Esc empties it, the down arrow goes on into the table. */
export function FilterBox({ value, onChange, inputRef }: FilterBoxProps) {
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      inputRef.current?.focus();
      inputRef.current?.select();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [inputRef]);
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      if (value === '') event.currentTarget.blur();
      onChange('');
    } else if (event.key === 'ArrowDown') {
      event.preventDefault();
      document.querySelector<HTMLElement>('.pl-table tbody tr[tabindex="0"]')?.focus();
    }
  };
  return (
    <TextInput
      ref={inputRef}
      className="pl-filter"
      type="search"
      size="sm"
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      onKeyDown={onKeyDown}
      aria-label="Filter"
      aria-keyshortcuts="/"
      placeholder="Filter"
      leftSection={<Icon name="search" />}
      rightSection={<kbd>/</kbd>}
    />
  );
}

export const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;
