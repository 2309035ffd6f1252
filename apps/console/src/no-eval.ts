import { config } from 'zod';

// The page's policy refuses generated code; without this, each schema would try it first and be reported. Imported before
// anything that makes a schema.
config({ jitless: true });
