import type { PlcNode } from '@planetlab/contract';
import { useMemo } from 'react';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, DataTable } from '../table/data-table.tsx';
import { MemoryMeter } from './memory-meter.tsx';
import { labelOfNode, placeOfNode, sinceOfNode, toneOfNode, vmmOfNode, whyNotInService } from './standing.ts';

interface NodesTableProps {
  readonly nodes: readonly PlcNode[];
  readonly filter: string;
  readonly selected: string | null;
  readonly onSelect: (name: string) => void;
  readonly nowMs: number;
}

const FIRST_ORDER = { column: 'name', descending: false };
/** What the filter searches, here and on the map. */
export const textOfNode = (node: PlcNode): string =>
  [node.name, node.site, placeOfNode(node), labelOfNode(node), vmmOfNode(node), whyNotInService(node)].join(' ');

export function NodesTable({ nodes, filter, selected, onSelect, nowMs }: NodesTableProps) {
  const columns = useMemo(() => columnsAt(nowMs), [nowMs]);
  return (
    <DataTable
      caption="Nodes"
      columns={columns}
      rows={nodes}
      keyOf={nameOf}
      textOf={textOfNode}
      filter={filter}
      firstOrder={FIRST_ORDER}
      selected={selected}
      onSelect={onSelect}
      empty={
        <>
          No nodes yet. Register the first with <code>pl node create NAME --site SITE</code>, then type on the machine
          what <code>pl node invite NAME</code> prints.
        </>
      }
    />
  );
}

const nameOf = (node: PlcNode): string => node.name;

const columnsAt = (nowMs: number): readonly Column<PlcNode>[] => [
  { key: 'name', title: 'Node', value: nameOf, cell: nameOf, heading: true },
  { key: 'site', title: 'Site', value: (node) => node.site, cell: (node) => node.site },
  { key: 'place', title: 'Place', value: placeOfNode, cell: (node) => placeOfNode(node) ?? '–' },
  {
    key: 'state',
    title: 'State',
    value: labelOfNode,
    cell: (node) => (
      <span className="pl-stack">
        <StateMark tone={toneOfNode(node)}>{labelOfNode(node)}</StateMark>
        <span className="pl-quiet">{sinceOfNode(node, nowMs)}</span>
      </span>
    ),
  },
  { key: 'vmm', title: 'VMM', value: vmmOfNode, cell: vmmOfNode },
  { key: 'slivers', title: 'Slivers', value: (node) => node.slivers, cell: (node) => node.slivers, align: 'end' },
  {
    key: 'memory',
    title: 'Memory leased',
    value: (node) => node.facts?.leased.memoryMiB ?? null,
    cell: (node) =>
      node.facts === null ? (
        '–'
      ) : (
        <MemoryMeter leasedMiB={node.facts.leased.memoryMiB} capacityMiB={node.facts.capacity.memoryMiB} />
      ),
  },
  {
    key: 'reason',
    title: 'Why not in service',
    value: whyNotInService,
    cell: (node) => <span className="pl-reason">{whyNotInService(node)}</span>,
  },
];
