export const VIEWS = ['nodes', 'slices', 'slivers'] as const;
export type View = (typeof VIEWS)[number];

/** What is looked at. It lives in the address (`#view=slivers&slice=demo_hello&node=tokyo`), so that it can be shared. */
export interface Selection {
  readonly view: View;
  readonly slice: string | null;
  readonly node: string | null;
}

export const NOTHING_SELECTED: Selection = { view: 'nodes', slice: null, node: null };

const isView = (text: string | null): text is View => VIEWS.some((view) => view === text);

export function parseSelection(hash: string): Selection {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const slice = fields.get('slice') || null;
  const view = fields.get('view');
  const wanted = isView(view) ? view : slice === null ? 'nodes' : 'slivers';
  return {
    // There are slivers to look at only with a slice.
    view: wanted === 'slivers' && slice === null ? 'slices' : wanted,
    slice,
    node: fields.get('node') || null,
  };
}

export function formatSelection({ view, slice, node }: Selection): string {
  const fields = new URLSearchParams();
  if (view !== 'nodes' || slice !== null) fields.set('view', view);
  if (slice !== null) fields.set('slice', slice);
  if (node !== null) fields.set('node', node);
  return fields.size === 0 ? '' : `#${fields}`;
}

/** Esc takes back one thing at a time: first the node, then the slice. */
export function cleared(selection: Selection): Selection {
  if (selection.node !== null) return { ...selection, node: null };
  if (selection.slice === null) return selection;
  return { view: selection.view === 'nodes' ? 'nodes' : 'slices', slice: null, node: null };
}

export const toggledNode = (selection: Selection, node: string): Selection => ({
  ...selection,
  node: selection.node === node ? null : node,
});

export const withSlice = (selection: Selection, slice: string): Selection => ({
  ...selection,
  view: 'slivers',
  slice,
});
