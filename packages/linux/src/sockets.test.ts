import { describe, expect, it } from 'vitest';
import { parseSocketTable } from './sockets.ts';

const heading = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

describe('the ports of the machine', () => {
  it('are those on which something listens for others', () => {
    const text = `${heading}   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   2: 026433C6:20FB 016433C6:0050 01 00000000:00000000 00:00000000 00000000     0        0 1 1
`;
    expect(parseSocketTable('tcp', text)).toEqual([{ protocol: 'tcp', port: 22 }]);
  });

  it('are with UDP those that are not connected', () => {
    const text = `${heading}   0: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 1
   1: 00000000000000000000000001000000:0036 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 1
`;
    expect(parseSocketTable('udp', text)).toEqual([{ protocol: 'udp', port: 53 }]);
  });
});
