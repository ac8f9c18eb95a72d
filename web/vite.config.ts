/// <reference types="vitest/config" />
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vite";
import { emojiData } from "./tools/emoji.ts";

// Where Salon runs while one works on the page with `make web-dev`.
const server = process.env.SALON_URL ?? "http://127.0.0.1:6167";

export default defineConfig({
  plugins: [svelte(), svelteTesting(), emojiData()],
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // Svelte's custom elements are none of ours; what it does for them at its start keeps them in.
      treeshake: { moduleSideEffects: [{ test: /svelte\/src\/internal\/client\/dom\/elements\/custom-element\.js/, sideEffects: false }] },
      output: {
        codeSplitting: {
          groups: [
            { name: "sdk", priority: 9, test: /node_modules[\\/](matrix-js-sdk[\\/]lib[\\/](?!rust-crypto)|matrix-events-sdk|another-json|p-retry|is-network-error|loglevel|jwt-decode|oidc-client-ts|sdp-transform|unhomoglyph|bs58|base-x|content-type|@babel)/ },
          ],
        },
      },
    },
  },
  server: {
    port: 6168,
    proxy: Object.fromEntries(["/_matrix", "/_salon", "/.well-known"].map((path) => [path, { target: server }])),
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    restoreMocks: true,
  },
});
