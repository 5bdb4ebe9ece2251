import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const api = process.env["CHOWON_API"] ?? "http://127.0.0.1:8090";

export default defineConfig({
  base: "./", // works under any path of a reverse proxy
  plugins: [svelte()],
  resolve: { alias: { $texts: here("../src/chowon/i18n") } },
  build: {
    outDir: here("../src/chowon/web"),
    emptyOutDir: true,
    assetsInlineLimit: 0, // nothing inline: the page runs under `default-src 'self'`
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    fs: { allow: [here("."), here("../src/chowon/i18n")] },
    proxy: { "/api": { target: api, ws: true } },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
