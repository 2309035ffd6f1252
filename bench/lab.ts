import { readFile } from 'node:fs/promises';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { type LabReport, labDown, labUp } from '@planetlab/lab';
import { PlanetLabError } from '@planetlab/model';

/** A lab of its own for one benchmark, as its administrator sees it; taken down at the end of the scope. */
export interface BenchLab extends AsyncDisposable {
  readonly report: LabReport;
  readonly client: Client<typeof plcRoutes>;
}

export async function benchLab(
  name: string,
  nodes: number,
  context: { note: (line: string) => void; signal: AbortSignal },
): Promise<BenchLab> {
  const progress = (event: { kind: string; text?: string }) => {
    if (event.kind === 'step' || event.kind === 'banner') context.note(`  ${event.text}`);
  };
  const report = await labUp({ name, nodes, detached: false, progress, signal: context.signal });
  const dispose = async () => {
    await labDown(name, { progress });
  };
  if (report.mode !== 'real' || !report.ok) {
    await dispose();
    throw new PlanetLabError(
      'feature_missing',
      report.simulatedBecause ?? 'The lab came up, but not all of it worked; see `npm run lab -- --once`.',
    );
  }
  const token = (await readFile(report.access.tokenFile, 'utf8')).trim();
  const transport = withHeaders(fetchTransport(report.access.plcUrl), () => ({ authorization: `Bearer ${token}` }));
  return { report, client: createClient(plcRoutes, transport), [Symbol.asyncDispose]: dispose };
}
