// Runs the tests of the web client's parts, and counts them in the way of scripts/test. Arguments go on to vitest.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "salon-parts-"));
const report = join(folder, "report.json");
const { status } = spawnSync("npx", ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...process.argv.slice(2)], {
  stdio: ["ignore", "inherit", "inherit"],
  timeout: 900_000,
});
let [passed, failed] = [0, 0];
try {
  const counts = JSON.parse(readFileSync(report, "utf8"));
  [passed, failed] = [counts.numPassedTests, counts.numFailedTests];
} catch {
  // It broke before it could count.
}
rmSync(folder, { recursive: true });
if (failed === 0 && (status !== 0 || passed === 0)) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
