import { registerHooks } from 'node:module';

/**
 * `generate-client.ts DOCUMENT FOLDER`: makes a client with a public generator, in a process of its own. The generator is
 * written against the programming interface that the TypeScript compiler had until version 6.
 */
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'typescript' && context.parentURL?.includes('/@hey-api/') ? 'typescript-5' : specifier, context),
});

const [input = '', path = ''] = process.argv.slice(2);
const { createClient } = await import('@hey-api/openapi-ts');
await createClient({
  input,
  output: { path, module: { extension: '.ts' } },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
  logs: { level: 'silent', file: false },
});
