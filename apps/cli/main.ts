#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// A folder of one's own: compiled code from a shared temporary folder could be somebody else's.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'planetlab', 'compile'));

// Imported after the cache is on, so that the program itself comes from it.
const { run } = await import('./src/run.ts');
const { processIo } = await import('./src/io.ts');
process.exitCode = await run(process.argv.slice(2), processIo(process));
