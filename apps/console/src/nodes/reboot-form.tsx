import { Button, Checkbox, TextInput } from '@mantine/core';
import type { PlcNode } from '@planetlab/contract';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { useChange } from '../people/use-change.ts';
import { fieldsOf } from '../session/fields.ts';

/** Has a node's machine rebooted, or takes that back while the node was not told. */
export function RebootForm({ node }: { readonly node: PlcNode }) {
  const api = useApi();
  const params = { node: node.name };
  const ask = useChange('nodes', (body: { reason: string; now: boolean }) => api.rebootNode({ params, body }));
  const cancel = useChange('nodes', () => api.cancelReboot({ params }));
  if (node.state === 'registered' || (node.reboot !== null && node.reboot.askedAt !== null)) return null;
  if (node.reboot !== null) {
    return (
      <div className="pl-node-form">
        <div>
          <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
            Do not reboot {node.name}
          </Button>
        </div>
        <Problem error={cancel.error} />
      </div>
    );
  }
  return (
    <details>
      <summary>Reboot</summary>
      <form
        className="pl-node-form"
        aria-label={`Reboot ${node.name}`}
        onSubmit={(event) => {
          event.preventDefault();
          const { reason, now } = fieldsOf(event.currentTarget, 'reason', 'now');
          ask.mutate({ reason, now: now !== '' });
        }}
      >
        <TextInput name="reason" label="Why, for all whom it concerns" maxLength={300} required />
        <Checkbox name="now" value="now" label="At once. Otherwise when it is empty, after a day at the latest" />
        <div>
          <Button type="submit" variant="default" loading={ask.isPending}>
            Reboot {node.name}
          </Button>
        </div>
        <Problem error={ask.error} />
      </form>
    </details>
  );
}
