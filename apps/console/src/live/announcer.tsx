import type { PlcNode, Sliver } from '@planetlab/contract';
import { useEffect, useRef, useState } from 'react';
import { describeChanges, type Snapshot, snapshotOf } from './describe-changes.ts';

interface AnnouncerProps {
  readonly nodes: readonly PlcNode[];
  readonly slivers: readonly Sliver[];
}

const AT_MOST_EVERY_MS = 5000;

/** Reads changes of state aloud to who does not see them: politely, and not more often than every five seconds. */
export function Announcer({ nodes, slivers }: AnnouncerProps) {
  const [text, setText] = useState('');
  const said = useRef<Snapshot | undefined>(undefined);
  const latest = useRef<Snapshot | undefined>(undefined);
  useEffect(() => {
    latest.current = snapshotOf(nodes, slivers);
    said.current ??= latest.current;
  }, [nodes, slivers]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (said.current === undefined || latest.current === undefined || said.current === latest.current) return;
      const sentence = describeChanges(said.current, latest.current);
      said.current = latest.current;
      if (sentence !== undefined) setText(sentence);
    }, AT_MOST_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div aria-live="polite" className="pl-hidden" data-testid="announcer">
      {text}
    </div>
  );
}
