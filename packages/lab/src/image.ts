import { z } from 'zod';
import type { NodesContext } from './nodes.ts';
import { runMarked, runTelling } from './processes.ts';
import type { ReportProgress } from './types.ts';

const DEMO_IMAGE = 'debian-12';
const IMAGE_TIMEOUT_MS = 15 * 60_000;
const ImageList = z.object({ items: z.array(z.object({ name: z.string() })) });

/** Builds the image of slivers, once on a machine: it stays when the lab goes. */
export async function ensureImage(
  { environment, paths, signal }: NodesContext,
  progress: ReportProgress,
): Promise<void> {
  const { node, nodeManager } = environment.programs;
  const images = ['--images', environment.imagesDirectory];
  const listed = await runMarked(environment, paths, {
    argv: [node, nodeManager, 'image', 'list', '--json', ...images],
  });
  const { items } = ImageList.parse(JSON.parse(listed));
  if (items.some(({ name }) => name === DEMO_IMAGE)) return;
  progress({ kind: 'step', text: `building the image ${DEMO_IMAGE}, once on this machine` });
  const tell = (text: string): void => progress({ kind: 'detail', text });
  const build = [node, nodeManager, 'image', 'build', DEMO_IMAGE, ...images] as const;
  await runTelling(paths, build, { timeoutMs: IMAGE_TIMEOUT_MS, signal, tell });
}
