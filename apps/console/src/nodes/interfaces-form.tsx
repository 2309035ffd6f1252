import { Button, NativeSelect, TextInput } from '@mantine/core';
import type { NodeInterface, PlcNode } from '@planetlab/contract';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { useChange } from '../people/use-change.ts';
import { fieldsOf } from '../session/fields.ts';
import { interfacesInWords } from './standing.ts';

/** The addresses of a node, as its site declares them: added and taken away here. */
export function InterfacesForm({ node }: { readonly node: PlcNode }) {
  const api = useApi();
  const params = { node: node.name };
  const change = useChange('nodes', (interfaces: NodeInterface[]) => api.changeNode({ params, body: { interfaces } }));
  const without = (address: string) => node.interfaces.filter((each) => each.address !== address);
  return (
    <details>
      <summary>Interfaces</summary>
      <div className="pl-node-form">
        <ul className="pl-rows">
          {node.interfaces.length === 0 && <li className="pl-quiet">None declared.</li>}
          {node.interfaces.map((each) => (
            <li key={each.address}>
              <span className="pl-row-text">{interfacesInWords([each])}</span>
              <Button
                size="compact-sm"
                variant="default"
                disabled={change.isPending}
                aria-label={`Remove ${each.address} from ${node.name}`}
                onClick={() => change.mutate(without(each.address))}
              >
                Remove
              </Button>
            </li>
          ))}
        </ul>
        <form
          className="pl-form-line"
          aria-label={`Another interface of ${node.name}`}
          onSubmit={(event) => {
            event.preventDefault();
            const form = event.currentTarget;
            const { address, hostname, use } = fieldsOf(form, 'address', 'hostname', 'use');
            const added = { address, hostname, use: use === 'management' ? use : 'public' } as const;
            change.mutate([...without(address), added], { onSuccess: () => form.reset() });
          }}
        >
          <TextInput name="address" label="Address" placeholder="192.0.2.7" required />
          <TextInput name="hostname" label="Name in the DNS" maxLength={253} />
          <NativeSelect name="use" label="Use" data={['public', 'management']} />
          <Button type="submit" variant="default" loading={change.isPending}>
            Add
          </Button>
        </form>
        <Problem error={change.error} />
      </div>
    </details>
  );
}
