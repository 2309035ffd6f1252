import { useEffect, useState } from 'react';
import { Icon } from './icon.tsx';

interface CopyLineProps {
  readonly text: string;
  readonly label: string;
}

const SHOWN_FOR_MS = 1800;

/** A line to be typed elsewhere, with a button that copies it. */
export function CopyLine({ text, label }: CopyLineProps) {
  const [outcome, setOutcome] = useState<'copied' | 'failed' | undefined>();
  useEffect(() => {
    if (outcome === undefined) return undefined;
    const timer = setTimeout(() => setOutcome(undefined), SHOWN_FOR_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => setOutcome((await copyText(text)) ? 'copied' : 'failed');
  return (
    <span className="pl-copy-line">
      <code>{text}</code>
      <button
        type="button"
        aria-label={`${label}: ${text}`}
        onClick={(event) => {
          event.stopPropagation(); // the row around it is not meant
          void copy();
        }}
        onKeyDown={(event) => event.stopPropagation()}
      >
        <Icon name={outcome === 'copied' ? 'check' : 'copy'} />
      </button>
      <span role="status" className="pl-copy-outcome">
        {outcome === 'copied' && 'Copied'}
        {outcome === 'failed' && 'Select and copy it by hand'}
      </span>
    </span>
  );
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or no secure context: said beside the button
  }
}
