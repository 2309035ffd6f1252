import { NodeName, type ResourceSums } from '@planetlab/model';
import type { Attributes } from '../attributes.ts';
import type { Candidate } from '../candidate.ts';

const UNKNOWN: Attributes = {
  ...{ name: null, site: null, city: null, country: null, latitude: null, longitude: null, asn: null, tags: {} },
  ...{ state: 'connected', run_level: 'boot', slivers: 0, age_days: 1, seen_s: 1, up_hours: 1, version: '1' },
  ...{ vmm: 'oci', simulated: false, kernel: '6.1', architecture: 'x86_64', images: [], features: [] },
  ...{ ipv4: true, ipv6: false, cores: 2, cores_free: 1, memory_mib: 2048, memory_free_mib: 1024 },
  ...{ disk_mib: 10_000, disk_free_mib: 5000, processes: 1000, processes_free: 500 },
  ...{ egress_kbps: 1000, egress_free_kbps: 500 },
  ...{ load: null, cores_idle: null, memory_available_mib: null, disk_available_mib: null, rtt_ms: null },
  ...{ clock_offset_ms: null, measured_s: null, available_day: null, available_week: null },
};

export const FREE: ResourceSums = {
  cpuReservedMillis: 1000,
  memoryMiB: 1024,
  diskMiB: 5000,
  processes: 500,
  egressMinKbps: 500,
};

/** A node in service; what is not given of its place and site is not known. */
export function candidate(
  name: string,
  attributes: Partial<Attributes> = {},
  rest: Partial<Candidate> = {},
): Candidate {
  return {
    node: NodeName.parse(name),
    attributes: { ...UNKNOWN, name, ...attributes },
    notInService: null,
    free: FREE,
    ...rest,
  };
}
