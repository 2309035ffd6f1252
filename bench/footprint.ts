import { labStatus } from '@planetlab/lab';
import { type Benchmark, round } from './benchmark.ts';
import { benchLab } from './lab.ts';
import { residentMiB } from './process-use.ts';

const MINUTES = 5;

/** Memory of the long-running processes after the lab has been up for five minutes with one slice on all nodes. */
export const benchmark: Benchmark = {
  question: `footprint: how much memory do a node manager and the PLC hold after ${MINUTES} minutes of lab?`,
  async run(context) {
    await using _lab = await benchLab('bench', 5, context);
    context.note(`  waiting ${MINUTES} minutes`);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, MINUTES * 60_000);
      context.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(new Error('interrupted'));
      });
    });
    const processes = (await labStatus('bench'))?.processes ?? [];
    const sizes = (part: string) =>
      processes.filter((process) => process.part === part).map(({ pid }) => residentMiB(pid));
    return {
      node_rss_mib: round(Math.max(...sizes('node'))),
      plc_rss_mib: round(Math.max(...sizes('plc'))),
      node_rss_mean_mib: round(sizes('node').reduce((sum, size) => sum + size, 0) / sizes('node').length),
      wan_rss_mib: round(Math.max(...sizes('wan'))),
      nodes: sizes('node').length,
      minutes: MINUTES,
    };
  },
};
