import type { PlcNode } from '@planetlab/contract';
import { fromInstant, HOUR_MS, type ResourceSums, SECOND_MS, subtractResources } from '@planetlab/model';
import type { Attributes, Candidate } from '@planetlab/selection';

const DAY_HOURS = 24;

/** What the authority knows of a node, as attributes that an expression may ask for. */
export function candidateOf(node: PlcNode, nowMs: number): Candidate {
  const { facts } = node;
  const free = facts === null ? null : subtractResources(facts.capacity, facts.leased);
  const hoursSince = (instant: string): number => (nowMs - fromInstant(instant)) / HOUR_MS;
  return {
    node: node.name,
    notInService: notInService(node),
    free,
    attributes: {
      name: node.name,
      site: node.site,
      ...placeAttributes(node),
      asn: asnOf(node.tags),
      tags: node.tags,
      state: node.state,
      run_level: node.runLevel,
      slivers: node.slivers,
      age_days: hoursSince(node.createdAt) / DAY_HOURS,
      seen_s: node.lastSeenAt === null ? null : (nowMs - fromInstant(node.lastSeenAt)) / SECOND_MS,
      up_hours: facts === null ? null : hoursSince(facts.startedAt),
      ...factAttributes(facts),
      ...resourceAttributes(facts?.capacity ?? null, free),
      ...sensorAttributes(node, nowMs),
    },
  };
}

function notInService({ reason, runLevel, facts }: PlcNode): string | null {
  if (reason !== null) return reason.message;
  if (runLevel !== 'boot') return `Its run level is ${runLevel}.`;
  return facts?.drain === undefined ? null : facts.drain.message;
}

function placeAttributes({ place }: PlcNode): Pick<Attributes, 'city' | 'country' | 'latitude' | 'longitude'> {
  if (place === null) return { city: null, country: null, latitude: null, longitude: null };
  const { city, country, latitude, longitude } = place;
  return { city, country, latitude, longitude };
}

/** "559" or "AS559". */
function asnOf(tags: PlcNode['tags']): number | null {
  const digits = /^(?:AS)?(\d{1,10})$/i.exec(tags['asn'] ?? '')?.[1];
  return digits === undefined ? null : Number(digits);
}

type FactAttributes = Pick<
  Attributes,
  'version' | 'vmm' | 'simulated' | 'kernel' | 'architecture' | 'images' | 'features' | 'ipv4' | 'ipv6'
>;

function factAttributes(facts: PlcNode['facts']): FactAttributes {
  return {
    version: facts?.version ?? null,
    vmm: facts?.vmm.driver ?? null,
    simulated: facts?.vmm.simulated ?? null,
    kernel: facts?.kernel ?? null,
    architecture: facts?.architecture ?? null,
    images: facts?.images ?? null,
    features: facts?.features.filter(({ available }) => available).map(({ feature }) => feature) ?? null,
    ipv4: facts === null ? null : facts.ipv4 !== null,
    ipv6: facts === null ? null : facts.ipv6Prefix !== null,
  };
}

type SensorAttributes = Pick<
  Attributes,
  | 'load'
  | 'cores_idle'
  | 'memory_available_mib'
  | 'disk_available_mib'
  | 'rtt_ms'
  | 'clock_offset_ms'
  | 'measured_s'
  | 'available_day'
  | 'available_week'
>;

function sensorAttributes({ facts, measured, availability }: PlcNode, nowMs: number): SensorAttributes {
  const sensors = facts?.sensors;
  return {
    load: sensors?.load ?? null,
    cores_idle: sensors?.coresIdle ?? null,
    memory_available_mib: sensors?.memoryAvailableMiB ?? null,
    disk_available_mib: sensors?.diskAvailableMiB ?? null,
    rtt_ms: measured?.rttMs ?? null,
    clock_offset_ms: measured?.clockOffsetMs ?? null,
    measured_s: measured === null ? null : (nowMs - fromInstant(measured.at)) / SECOND_MS,
    available_day: availability?.day ?? null,
    available_week: availability?.week ?? null,
  };
}

type ResourceAttributes = Pick<
  Attributes,
  | 'cores'
  | 'cores_free'
  | 'memory_mib'
  | 'memory_free_mib'
  | 'disk_mib'
  | 'disk_free_mib'
  | 'processes'
  | 'processes_free'
  | 'egress_kbps'
  | 'egress_free_kbps'
>;

const MILLIS = 1000;

function resourceAttributes(capacity: ResourceSums | null, free: ResourceSums | null): ResourceAttributes {
  return {
    cores: capacity === null ? null : capacity.cpuReservedMillis / MILLIS,
    cores_free: free === null ? null : free.cpuReservedMillis / MILLIS,
    memory_mib: capacity?.memoryMiB ?? null,
    memory_free_mib: free?.memoryMiB ?? null,
    disk_mib: capacity?.diskMiB ?? null,
    disk_free_mib: free?.diskMiB ?? null,
    processes: capacity?.processes ?? null,
    processes_free: free?.processes ?? null,
    egress_kbps: capacity?.egressMinKbps ?? null,
    egress_free_kbps: free?.egressMinKbps ?? null,
  };
}
