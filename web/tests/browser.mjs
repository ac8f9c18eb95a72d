// Chromium as a person uses it, and what is held against every page: no error, no violation of the policy, nothing that axe finds.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { PASSWORD } from "./salon.mjs";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Without it, a machine whose locale is not set keeps no file under a name with an accent.
    env: { LC_ALL: "C.UTF-8", ...process.env },
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** One browser profile with one page; `faults` fills with what no page should have. */
export async function open(browser, salon, { size = "desktop", locale = "en-GB", colorScheme = "light", path = "/" } = {}) {
  const context = await browser.newContext({
    viewport: SIZES[size],
    locale,
    colorScheme,
    hasTouch: size === "phone",
    isMobile: size === "phone",
    baseURL: salon.url,
    permissions: ["clipboard-read", "clipboard-write"],
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (/Content Security Policy|Trusted ?Type/i.test(text)) faults.push(`policy: ${text}`);
  });
  await page.goto(path);
  return { context, page, faults };
}

/** Makes an account on the page, as somebody new does. */
export async function register(page, name) {
  await page.goto("/register");
  await page.locator("input[name=username]").fill(name);
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("button[type=submit]").click();
  await page.waitForURL(/\/(rooms|room|friends|user)/);
}

export async function logIn(page, name, password = PASSWORD) {
  await page.goto("/login");
  await page.locator("input[name=username]").fill(name);
  await page.locator("input[name=password]").fill(password);
  await page.locator("button[type=submit]").click();
}

/** What axe finds on the page as it is, in words. */
export async function axe(page) {
  // The policy forbids scripts from elsewhere, so this one runs in the page's own world through the debugger.
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary}`).join("; ")}`);
}

/** Whether the page is wider than its window. */
export function overflows(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
}
