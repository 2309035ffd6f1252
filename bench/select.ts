import { NodeName, SelectionRequest } from '@planetlab/model';
import { type Candidate, select } from '@planetlab/selection';
import { type Benchmark, median, percentile, round } from './benchmark.ts';

const NODES = 1000;
const SITES = 200;
const RUNS = 200;

export const benchmark: Benchmark = {
  question:
    'How long does it take to choose 100 of 1,000 nodes, spread over sites, by two ranges, with a reason for each node?',
  async run() {
    const candidates = Array.from({ length: NODES }, (_, index) => candidateOf(index));
    const request = SelectionRequest.parse({
      where: 'memory_free_mib > 1000 && memory_free_mib < 12000 && latency_ms < 200.0',
      count: 100,
      spread: 'site',
      near: { latitude: 47.4, longitude: 8.5 },
    });
    const times: number[] = [];
    let chosen = 0;
    for (let run = 0; run < RUNS; run++) {
      const startMs = performance.now();
      chosen = select(candidates, request, run).chosen.length;
      times.push(performance.now() - startMs);
    }
    return {
      nodes: NODES,
      chosen,
      runs: RUNS,
      select_ms: round(median(times), 2),
      select_p99_ms: round(percentile(times, 99), 2),
      select_first_ms: round(times[0] ?? Number.NaN, 2),
    };
  },
};

/** Numbers that are spread without repeating soon, the same in every run. */
const spread = (index: number, factor: number, range: number): number => (index * factor) % range;

function candidateOf(index: number): Candidate {
  const name = NodeName.parse(`node${index}.example`);
  const memory = spread(index, 7919, 16_384);
  const place = { latitude: spread(index, 37, 120) - 50, longitude: spread(index, 101, 360) - 180 };
  const free = { cpuReservedMillis: 4000, memoryMiB: memory, diskMiB: 50_000, processes: 5000, egressMinKbps: 50_000 };
  return {
    node: name,
    notInService: null,
    free,
    attributes: {
      ...place,
      ...{
        name,
        site: `site${spread(index, 13, SITES)}`,
        city: 'A city',
        country: 'CH',
        asn: 64_512 + spread(index, 3, 500),
      },
      ...{ tags: {}, state: 'connected', run_level: 'boot', slivers: spread(index, 11, 100), age_days: 100, seen_s: 3 },
      ...{ up_hours: 50, version: '1', vmm: 'oci', simulated: false, kernel: '6.1', architecture: 'x86_64' },
      ...{
        images: ['debian-12'],
        features: ['nftables', 'overlayfs'],
        ipv4: true,
        ipv6: false,
        cores: 8,
        cores_free: 4,
      },
      ...{ memory_mib: 16_384, memory_free_mib: memory, disk_mib: 100_000, disk_free_mib: 50_000 },
      ...{ load: spread(index, 17, 100) / 50, cores_idle: 4, memory_available_mib: memory, disk_available_mib: 50_000 },
      ...{ rtt_ms: 20, clock_offset_ms: 1, measured_s: 10, available_day: 1, available_week: 1 },
      ...{ processes: 10_000, processes_free: 5000, egress_kbps: 100_000, egress_free_kbps: 50_000 },
    },
  };
}
