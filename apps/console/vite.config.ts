import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Everything the page needs comes from its own origin, as files: the PLC serves it under `script-src 'self'`. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // Inlined files would be data: URLs and inline scripts, which the policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8420' } },
});
