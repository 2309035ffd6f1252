import { createClient, fetchTransport, plcRoutes } from '@planetlab/contract';
import { leaf } from '../leaf.ts';
import type { Field } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { resolveSettings } from '../session/settings.ts';

export const register: Register = (status, io) => {
  leaf(status, io, { example: 'pl status --url https://plc.example.org' }, async (invocation) => {
    const { url } = await resolveSettings(invocation);
    const report = await createClient(plcRoutes, fetchTransport(url)).getStatus({});
    const { nodes, sites } = report;
    const { nowMs } = invocation.print.view;
    invocation.print.record(report, [
      ['Authority', report.authority],
      ['Nodes', `${nodes.connected} connected, ${nodes.disconnected} disconnected, ${nodes.registered} awaited`],
      ['Sites', `${sites.filter((site) => site.nodes.connected > 0).length} of ${sites.length} with a node connected`],
      ['Slices', String(report.slices)],
      ['Slivers running', String(report.running)],
      ...report.announcements.map(
        ({ level, title, at }): Field => [
          level,
          { text: `${title} (${relativeTime(at, nowMs)})`, color: level === 'incident' ? 'red' : 'yellow' },
        ],
      ),
    ]);
  });
};
