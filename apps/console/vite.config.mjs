import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `npm run dev -w @portcullis/console` asks the stack on this address. */
const gateway = 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: {
    target: 'es2022',
    // Nothing is inlined: the page's policy is `default-src 'self'`, without `data:` and without inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '^/(v1|console/session|readyz|metrics)': gateway } },
});
