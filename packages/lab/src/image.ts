import type { NodesContext } from './nodes.ts';
import { runTelling } from './processes.ts';
import type { ReportProgress } from './types.ts';

const DEMO_IMAGE = 'debian-12';
const IMAGE_TIMEOUT_MS = 15 * 60_000;

/**
 * Builds the image of slivers, once on a machine: it stays when the lab goes. Again only when its packages are other ones
 * by now.
 */
export async function ensureImage(
  { environment, paths, signal }: NodesContext,
  progress: ReportProgress,
): Promise<void> {
  const { programs, imagesDirectory } = environment;
  const build = [programs.node, programs.nodeManager, 'image', 'build', DEMO_IMAGE, '--if-changed'] as const;
  let kind: 'step' | 'detail' = 'step';
  const tell = (text: string): void => {
    progress({ kind, text }); // the first thing that it says is what it does; it says nothing where there is nothing to do
    kind = 'detail';
  };
  await runTelling(paths, [...build, '--images', imagesDirectory], { timeoutMs: IMAGE_TIMEOUT_MS, signal, tell });
}
