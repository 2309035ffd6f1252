import { CopyLine } from '../parts/copy-line.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import type { Matter } from './attention.ts';

interface AttentionListProps {
  readonly matters: readonly Matter[];
  readonly hasNodes: boolean;
  readonly onMatter: (matter: Matter) => void;
}

const SHOWN_AT_MOST = 30;

/** What is not as it should be, each with its reason. */
export function AttentionList({ matters, hasNodes, onMatter }: AttentionListProps) {
  if (!hasNodes) return <FirstSteps />;
  return (
    <>
      <h2>Needs a look</h2>
      {matters.length === 0 && (
        <p className="pl-quiet">Nothing. Every node is in service, and no sliver is refused, failed or stuck.</p>
      )}
      <ul className="pl-matters">
        {matters.slice(0, SHOWN_AT_MOST).map((matter) => (
          <li key={matter.id}>
            <button type="button" onClick={() => onMatter(matter)}>
              <StateMark tone={matter.tone}>{matter.title}</StateMark>
              <span className="pl-reason">{matter.reason}</span>
            </button>
          </li>
        ))}
      </ul>
      {matters.length > SHOWN_AT_MOST && <p className="pl-quiet">and {matters.length - SHOWN_AT_MOST} more</p>}
    </>
  );
}

const STEPS = [
  ['Register a site:', 'pl site create princeton --title "Princeton University"'],
  ['Register a node of it:', 'pl node create node1.princeton --site princeton'],
  ['Invite the machine, and type there what this prints:', 'pl node invite node1.princeton'],
  ['Create a slice:', 'pl slice create princeton_hello'],
  ['Put it on the node:', 'pl slice add-node princeton_hello node1.princeton'],
] as const;

/** An empty planet. */
const FirstSteps = () => (
  <>
    <h2>First steps</h2>
    <ol className="pl-steps">
      {STEPS.map(([what, command]) => (
        <li key={command}>
          {what}
          <CopyLine text={command} label="Copy the command" />
        </li>
      ))}
    </ol>
  </>
);
