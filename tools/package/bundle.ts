import { join } from 'node:path';
import { build } from 'vite';

/**
 * Bundles a program with all that it imports, except what must stay a package, into `target`; the names of others'
 * libraries that are now in it. `first` is a library that has to run before all others, which parts of a bundle do not
 * promise by their order.
 */
export async function bundleProgram(
  root: string,
  program: string,
  target: string,
  external: readonly string[] = [],
  first?: string,
): Promise<readonly string[]> {
  const libraries = new Set<string>();
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true, external: [...external] },
    build: {
      ssr: join(root, program),
      outDir: target,
      emptyOutDir: true,
      target: 'node24',
      minify: false, // what fails is to be read in its trace
      rolldownOptions: { output: { format: 'es', chunkFileNames: 'parts/[name]-[hash].js' } },
    },
    plugins: [
      {
        name: 'planetlab-first',
        transform: (code, id) =>
          first === undefined || id !== join(root, program)
            ? null
            : code.replace(/^(#!.*\n)?/, (line) => `${line}import '${first}';\n`),
      },
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
