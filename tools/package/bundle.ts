import { join } from 'node:path';
import { build } from 'vite';

/** Not bundled: they load native code from beside themselves. */
const NATIVE = ['koffi', '@lydell/node-pty'];

/** Bundles the node manager with all that it imports into `target`; the names of others' libraries that are now in it. */
export async function bundleNodeManager(root: string, target: string): Promise<readonly string[]> {
  const libraries = new Set<string>();
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true, external: NATIVE },
    build: {
      ssr: join(root, 'apps/node-manager/main.ts'),
      outDir: target,
      emptyOutDir: true,
      target: 'node24',
      minify: false, // what fails is to be read in its trace
      rolldownOptions: { output: { format: 'es', chunkFileNames: 'parts/[name]-[hash].js' } },
    },
    plugins: [
      {
        name: 'planetlab-libraries',
        moduleParsed({ id }) {
          const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id.slice(id.lastIndexOf('node_modules/')))?.[1];
          if (name !== undefined) libraries.add(name);
        },
      },
    ],
  });
  return [...libraries].sort();
}
