/// <reference types="vitest/config" />
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vite";

// Where Salon runs while one works on the page with `make web-dev`.
const server = process.env.SALON_URL ?? "http://127.0.0.1:6167";

export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // The SDK is one file of its own: it loads when somebody is about to sign in, not before.
        advancedChunks: { groups: [{ name: "sdk", test: /node_modules[\\/](?!.*(svelte|bits-ui|virtua|lucide|marked|dompurify|uqr|emojibase|floating-ui|esm-env|clsx|tabbable|runed|svelte-toolbelt|internationalized|matrix-sdk-crypto-wasm))/ }] },
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
