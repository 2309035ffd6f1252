import { formatMiB } from '@planetlab/model';

/** How much of a node's memory is promised to slivers. */
export function MemoryMeter({ leasedMiB, capacityMiB }: { readonly leasedMiB: number; readonly capacityMiB: number }) {
  const share = capacityMiB === 0 ? 0 : Math.min(1, leasedMiB / capacityMiB);
  return (
    <span className="pl-meter-line">
      <span className="pl-meter" aria-hidden="true">
        <span style={{ width: `${share * 100}%` }} />
      </span>
      <span className="pl-number">
        {formatMiB(leasedMiB)} of {formatMiB(capacityMiB)}
      </span>
    </span>
  );
}
