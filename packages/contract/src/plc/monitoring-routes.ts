import { z } from 'zod';
import type { RouteTable } from '../route.ts';
import { json } from './route-parts.ts';

/** What Prometheus' HTTP service discovery reads: where to scrape, and the labels of what is found there. */
export const ScrapeTarget = z.object({
  /** `host:port`: the PLC itself, through which nodes are read. */
  targets: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
});
export type ScrapeTarget = z.infer<typeof ScrapeTarget>;

/** For those who watch over an authority. */
export const monitoringRoutes = {
  discoverNodes: {
    method: 'GET',
    path: '/v1/discovery/prometheus',
    summary: 'Every node as a target of Prometheus: its HTTP service discovery reads this',
    access: 'person',
    reply: json(z.array(ScrapeTarget)),
    status: 200,
    errors: [],
  },
} as const satisfies RouteTable;
