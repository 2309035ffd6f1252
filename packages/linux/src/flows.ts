import { attribute, openNetlink } from './netlink.ts';

/** Of the tracked flows: subsystem 1, "get". */
const CTNETLINK_GET = 0x101;
const CTA_MARK = 8;
const CTA_MARK_MASK = 21;

/**
 * How many flows with this mark the kernel tracks in the network namespace of the calling thread. It picks them out
 * itself, in one pass over its table. Throws SystemCallError where it cannot.
 */
export async function countFlows(mark: number): Promise<number> {
  using socket = openNetlink('netfilter');
  const payload = Buffer.concat([
    Buffer.alloc(4), // of every address family
    attribute(CTA_MARK, inNetworkOrder(mark)),
    attribute(CTA_MARK_MASK, inNetworkOrder(0xffff_ffff)),
  ]);
  return await socket.count({ type: CTNETLINK_GET, payload, subject: 'tracked flows' });
}

function inNetworkOrder(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
