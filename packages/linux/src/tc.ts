import type { CommandRunner } from './command.ts';

/**
 * One HTB hierarchy on a device that leads out: a root class with the rate of the link, and below it one class for each
 * party. What a class does not use of its guaranteed rate is lent to the others, by weight, up to their highest rates.
 */
export interface ShapingTree {
  readonly device: string;
  /** Rate of all together, in kbit/s. */
  readonly rateKbps: number;
  /** Class of packets that name no class. */
  readonly defaultMinor: number;
}

export interface ShapedClass {
  /** Second half of the class's name: 1 to 0xfffe. The first half is always 1. */
  readonly minor: number;
  readonly rateKbps: number;
  readonly ceilKbps: number;
  /** What it may send in its turn when it borrows: its weight. */
  readonly quantumBytes: number;
  /** How much may wait; more is dropped. */
  readonly queueBytes: number;
  /**
   * Packets that the kernel has joined into larger ones are taken apart to this size first, or null. A class sends at
   * least one packet in its turn: on a slow link joined ones would make all weights the same.
   */
  readonly segmentBytes: number | null;
}

export interface ClassCounters {
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly droppedPackets: number;
  /** How often it had to wait for its rate. */
  readonly throttled: number;
}

const ROOT_MINOR = 0xffff;

/** The class as `tc` and nftables write it: `1:2a`. */
export const classId = (minor: number): string => `1:${minor.toString(16)}`;

/** Lines for `tc -batch` that make the root, where there is none of ours yet. */
export const treeCreation = ({ device, defaultMinor }: ShapingTree): string =>
  `qdisc replace dev ${deviceName(device)} root handle 1: htb default ${defaultMinor.toString(16)}`;

/** Sets the rate of the whole; may be repeated. */
export const treeRate = ({ device, rateKbps }: ShapingTree): string =>
  `class replace dev ${deviceName(device)} parent 1: classid ${classId(ROOT_MINOR)} htb rate ${rateKbps}kbit ceil ${rateKbps}kbit quantum 65600`;

/** Makes a class, or changes it while packets go through it; may be repeated. */
export function classLines(device: string, shaped: ShapedClass): readonly string[] {
  const { minor, rateKbps, ceilKbps, quantumBytes, queueBytes, segmentBytes } = shaped;
  if (!(minor >= 1 && minor < ROOT_MINOR)) throw new RangeError(`not a class: ${minor}`);
  const id = classId(minor);
  // a token bucket takes larger packets apart; at this rate it delays none
  const queue =
    segmentBytes === null ? `bfifo limit ${queueBytes}` : `tbf rate 100gbit burst ${segmentBytes} limit ${queueBytes}`;
  // the queue of a class is named after the next one: the first name is the root's
  const rates = `rate ${rateKbps}kbit ceil ${Math.max(rateKbps, ceilKbps)}kbit quantum ${quantumBytes}`;
  return [
    `class replace dev ${deviceName(device)} parent ${classId(ROOT_MINOR)} classid ${id} htb ${rates}`,
    `qdisc replace dev ${deviceName(device)} parent ${id} handle ${(minor + 1).toString(16)}: ${queue}`,
  ];
}

export const classRemoval = (device: string, minor: number): string =>
  `class delete dev ${deviceName(device)} classid ${classId(minor)}`;

/** Runs lines of `tc -batch`; stops at the first that fails. */
export async function applyTc(lines: readonly string[], runner: CommandRunner): Promise<void> {
  if (lines.length > 0) await runner.run({ argv: ['tc', '-batch', '-'], input: `${lines.join('\n')}\n` });
}

/** Whether the device's root is the hierarchy that this module makes, with this default class. */
export async function hasTree({ device, defaultMinor }: ShapingTree, runner: CommandRunner): Promise<boolean> {
  const { stdout } = await runner.run({ argv: ['tc', 'qdisc', 'show', 'dev', deviceName(device)] });
  return parseHasTree(stdout, defaultMinor);
}

/** Reads `tc qdisc show`. */
export const parseHasTree = (text: string, defaultMinor: number): boolean =>
  text.split('\n').some((line) => {
    const fallback = /^qdisc htb 1: root .*\bdefault (?:0x)?([0-9a-f]+)\b/.exec(line)?.[1];
    return fallback !== undefined && Number.parseInt(fallback, 16) === defaultMinor;
  });

/** Counters of all classes but the root's, by minor. */
export async function readClassCounters(
  device: string,
  runner: CommandRunner,
): Promise<ReadonlyMap<number, ClassCounters>> {
  return parseClassCounters(
    (await runner.run({ argv: ['tc', '-s', 'class', 'show', 'dev', deviceName(device)] })).stdout,
  );
}

/** Reads `tc -s class show`: HTB has no JSON before iproute2 6.2. */
export function parseClassCounters(text: string): ReadonlyMap<number, ClassCounters> {
  const counters = new Map<number, ClassCounters>();
  const pattern =
    /^class htb 1:([0-9a-f]+) [^\n]*\n Sent (\d+) bytes (\d+) pkt \(dropped (\d+), overlimits (\d+) requeues \d+\)/gm;
  for (const [, minor = '', ...numbers] of text.matchAll(pattern)) {
    const [sentBytes = 0, sentPackets = 0, droppedPackets = 0, throttled = 0] = numbers.map(Number);
    const number = Number.parseInt(minor, 16);
    if (number !== ROOT_MINOR) counters.set(number, { sentBytes, sentPackets, droppedPackets, throttled });
  }
  return counters;
}

/** Takes the hierarchy of this module away; the kernel's own default comes back. No effect when it is not there. */
export async function deleteTree(tree: ShapingTree, runner: CommandRunner): Promise<void> {
  if (await hasTree(tree, runner)) await applyTc([`qdisc delete dev ${deviceName(tree.device)} root`], runner);
}

function deviceName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(name)) throw new RangeError(`not a device: ${JSON.stringify(name)}`);
  return name;
}
