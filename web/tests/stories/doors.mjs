// Ways in that few take: with a token, without any, back after a soft logout, by keyboard alone, from the home screen.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { axe, open, register } from "../browser.mjs";
import { PASSWORD, Person, Salon } from "../salon.mjs";
import { composer, enter, person, roomOf, roomPath, timeline } from "../talk.mjs";

export const stories = {
  "a token from the operator opens the door once, and a wrong one is said to be wrong": async ({ browser, salon }) => {
    const guarded = await Salon.start(salon.binary, { SALON_REGISTRATION__MODE: "token" });
    try {
      await guarded.pause();
      const token = execFileSync(guarded.binary, ["token", "create", "--uses", "1", "--data-dir", guarded.folder], { encoding: "utf8" }).trim().split(/\s+/)[0];
      await guarded.resume();
      const { page, faults } = await open(browser, guarded, { path: "/register", size: "phone", locale: "fr-FR" });
      const field = page.getByLabel("Jeton d’inscription");
      await page.locator("input[name=username]").fill("celine");
      await page.locator("input[name=password]").fill(PASSWORD);
      await field.fill("wrong");
      await page.locator("button[type=submit]").click();
      await page.getByRole("alert").getByText(/jeton/i).waitFor();
      assert.deepEqual(await axe(page), []);
      await field.fill(token);
      await page.locator("button[type=submit]").click();
      await page.waitForURL(/\/rooms/);
      await page.getByRole("heading", { name: /celine/ }).waitFor();
      assert.deepEqual(faults, []);
    } finally {
      await guarded.stop();
    }
  },

  "a server that is closed says so, and lets in who has an account": async ({ browser, salon }) => {
    const closed = await Salon.start(salon.binary);
    try {
      await Person.register(closed.url, "earlybird");
      await closed.pause();
      closed.environment = { SALON_REGISTRATION__MODE: "closed" };
      await closed.resume();
      const { page, faults } = await open(browser, closed, { path: "/register" });
      await page.getByText("This server takes no new accounts by itself.").waitFor();
      await page.getByRole("link", { name: "Sign in" }).click();
      await page.locator("input[name=username]").fill("earlybird");
      assert.equal(await page.getByRole("link", { name: "Create an account" }).count(), 0);
      await page.locator("input[name=password]").fill(PASSWORD);
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/rooms/);
      assert.deepEqual(faults, []);
    } finally {
      await closed.stop();
    }
  },

  "after a soft logout only the password is asked for, and the device goes on": async ({ browser, salon }) => {
    const sofie = await person(salon, "sofie", "Sofie");
    const room = await roomOf(sofie, [], { name: "Kept" });
    const { page, faults } = await enter(browser, salon, sofie, roomPath(room));
    await composer(page).fill("not yet said");
    const device = () => page.evaluate(() => JSON.parse(localStorage.getItem("salon.session")).deviceId);
    const before = await device();
    await page.route("**/_matrix/client/v3/sync?*", (route) => route.fulfill({ status: 401, json: { errcode: "M_UNKNOWN_TOKEN", error: "Locked out softly", soft_logout: true } }));
    // What waits is answered by the server still; the next one is not.
    await sofie.say(room, "from elsewhere");
    await page.waitForURL(/\/login/);
    await page.getByText(/password/i).first().waitFor();
    assert.equal(await page.locator("input[name=username]").inputValue(), sofie.id);
    assert.deepEqual(await axe(page), []);
    await page.unroute("**/_matrix/client/v3/sync?*");
    await page.locator("input[name=password]").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("don’t belong together").waitFor();
    await page.locator("input[name=password]").fill(PASSWORD);
    await page.keyboard.press("Enter");
    // Back to where one was, with what one had begun.
    await page.waitForURL(/\/room\//);
    await page.waitForFunction(() => document.querySelector("textarea")?.value === "not yet said");
    assert.equal(await device(), before);
    assert.deepEqual(faults, []);
  },

  "all of it goes by keyboard: in, to a room, to say, answer and react": async ({ browser, salon }) => {
    const [kai, kim] = [await person(salon, "kai", "Kai"), await person(salon, "kim", "Kim")];
    const room = await roomOf(kim, [kai], { name: "Keys" });
    await kim.say(room, "Can you do without a mouse?");
    const { page, faults } = await open(browser, salon, { path: "/login" });
    await page.locator("input[name=username]").focus();
    await page.keyboard.type("kai");
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/rooms/);
    await page.locator('a[href^="/room/"]').first().waitFor();
    await tabTo(page, () => document.activeElement?.getAttribute("href")?.startsWith("/room/"));
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/room\//);
    await composer(page).waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === "TEXTAREA");
    await page.keyboard.type("I can");
    await page.keyboard.press("Enter");
    await timeline(page).getByText("I can").waitFor();
    // From the field to the messages, up to hers, and its menu.
    await page.keyboard.press("Shift+Tab");
    await tabTo(page, () => document.activeElement?.closest('[role="log"]'), "Shift+Tab");
    await page.keyboard.press("ArrowUp");
    for (let turn = 0; turn < 6 && !(await page.evaluate(() => document.activeElement?.textContent?.includes("without a mouse"))); turn += 1) await page.keyboard.press("ArrowUp");
    await page.waitForFunction(() => document.activeElement?.matches("[data-message]"));
    assert.ok(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none"), "one sees where one is");
    await page.keyboard.press("Enter");
    await page.getByRole("menu").waitFor();
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "hidden" });
    await page.waitForFunction(() => document.activeElement?.matches("[data-message]"));
    assert.deepEqual(faults, []);
  },

  "it can be put on the home screen": async ({ browser, salon }) => {
    const { page, context } = await open(browser, salon, { size: "phone" });
    const cdp = await context.newCDPSession(page);
    const { data, errors } = await cdp.send("Page.getAppManifest");
    assert.deepEqual(errors, []);
    const manifest = JSON.parse(data);
    assert.equal(manifest.display, "standalone");
    for (const { src, sizes } of manifest.icons) {
      const size = await page.evaluate(async (src) => {
        const image = new Image();
        image.src = src;
        await image.decode();
        return `${image.naturalWidth}x${image.naturalHeight}`;
      }, src);
      assert.ok(sizes === "any" || size === sizes, `${src} is ${size}`);
    }
    const { installabilityErrors } = await cdp.send("Page.getInstallabilityErrors");
    assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito"), []);
    await register(page, "homescreen");
    await page.getByRole("heading", { name: /homescreen/ }).waitFor();
  },
};

/** Presses Tab until the focus is where it is wanted. */
async function tabTo(page, isThere, key = "Tab") {
  for (let turn = 0; turn < 30; turn += 1) {
    if (await page.evaluate(isThere)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${key} never came to ${isThere}`);
}
