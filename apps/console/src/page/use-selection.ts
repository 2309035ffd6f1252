import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { formatSelection, parseSelection, type Selection } from './selection.ts';

function subscribe(onChange: () => void): () => void {
  window.addEventListener('hashchange', onChange);
  return () => window.removeEventListener('hashchange', onChange);
}

/** The selection, kept in the address: Back takes a step back, and the address can be sent to a colleague. */
export function useSelection(): readonly [Selection, (next: Selection) => void] {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  const selection = useMemo(() => parseSelection(hash), [hash]);
  const select = useCallback((next: Selection) => {
    const wanted = formatSelection(next);
    if (wanted === window.location.hash) return;
    // An empty fragment would leave a lone "#" and jump to the top.
    window.history.pushState(null, '', wanted === '' ? window.location.pathname : wanted);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  }, []);
  return [selection, select];
}
