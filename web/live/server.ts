/** Starts a Salon of its own for the tests, on a folder that is thrown away, unless LIVE_URL names one that runs. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    baseUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const running = process.env["LIVE_URL"];
  if (running) {
    project.provide("baseUrl", running);
    return undefined;
  }
  const program = process.env["LIVE_SALON"];
  if (!program) throw new Error("Set LIVE_SALON to a salon, or LIVE_URL to where one runs");
  const folder = mkdtempSync(join(tmpdir(), "salon-live-"));
  const port = await freePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const salon = spawn(program, ["--data-dir", folder], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, SALON_LISTEN: `["127.0.0.1:${port}"]`, SALON_RATE_LIMITS__ENABLED: "false", SALON_LOG__LEVEL: "warn" },
  });
  const ended = new Promise<void>((resolve) => salon.once("exit", () => resolve()));
  await answers(baseUrl);
  project.provide("baseUrl", baseUrl);
  return async () => {
    salon.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(new Error("No free port"))));
    });
  });
}

async function answers(baseUrl: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(`${baseUrl}/_matrix/client/versions`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("Salon does not answer");
}
