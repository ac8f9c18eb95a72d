// The profile: who one is, one's sessions, how the page looks and behaves, and leaving.
import assert from "node:assert/strict";
import { axe, logIn, open, overflows } from "../browser.mjs";
import { PASSWORD, Person } from "../salon.mjs";

const NEXT = "another good battery staple";
const SECTIONS = ["account", "password", "sessions", "appearance", "messages", "notifications", "blocked", "about", "deactivate"];

async function arrive(browser, salon, name, path, options = {}) {
  const person = await Person.register(salon.url, name);
  const { page, faults, context } = await open(browser, salon, { ...options, path });
  await logIn(page, name);
  await page.waitForURL((url) => !url.pathname.startsWith("/login"));
  if (!page.url().endsWith(path)) await page.goto(path);
  return { person, page, faults, context };
}

export const stories = {
  "a new name is there at once, for others too": async ({ browser, salon }) => {
    const { page, person, faults } = await arrive(browser, salon, "adam", "/profile/account");
    await page.getByRole("textbox", { name: "Name" }).fill("Adam Dupont");
    await page.keyboard.press("Enter");
    await page.getByText("Your name is changed.").waitFor();
    const { displayname } = await person.call("GET", `/v3/profile/${encodeURIComponent(person.id)}/displayname`);
    assert.equal(displayname, "Adam Dupont");
    assert.deepEqual(faults, []);
  },

  "the link to oneself can be copied, and stands in a code": async ({ browser, salon }) => {
    const { page, person, faults } = await arrive(browser, salon, "bea", "/profile/account");
    await page.getByRole("img", { name: /QR code/ }).waitFor();
    await page.getByRole("button", { name: "Copy link" }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${salon.url}/user/${person.id}`);
    await page.getByRole("button", { name: "Copy ID" }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), person.id);
    assert.deepEqual(faults, []);
  },

  "sessions are renamed and ended with the password": async ({ browser, salon }) => {
    const { page, faults } = await arrive(browser, salon, "cleo", "/profile/sessions");
    const other = page.getByRole("listitem").first();
    await other.getByRole("button", { name: /Rename/ }).click();
    await page.getByRole("dialog").getByRole("textbox").fill("Old phone");
    await page.getByRole("button", { name: "Save" }).click();
    await other.getByText("Old phone").waitFor();
    await other.getByRole("button", { name: /Sign out/ }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Password", { exact: true }).fill("not it");
    await page.keyboard.press("Enter");
    await dialog.getByText("This is not your password.").waitFor();
    await dialog.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByText("You are signed in nowhere else.").waitFor();
    assert.deepEqual(faults, []);
  },

  "a new password ends the other sessions and opens the next": async ({ browser, salon }) => {
    const { page, person, faults } = await arrive(browser, salon, "dino", "/profile/password");
    await page.getByLabel("Current password").fill(PASSWORD);
    await page.getByLabel("New password").fill(NEXT);
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("Your password is changed.").waitFor();
    await assert.rejects(person.call("GET", "/v3/account/whoami"), /401/);
    await page.getByRole("navigation", { name: "Profile and settings" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/\/login/);
    await logIn(page, "dino", NEXT);
    await page.waitForURL(/\/rooms/);
    assert.deepEqual(faults, []);
  },

  "language, theme and text size change live, and stay": async ({ browser, salon }) => {
    const { page, faults } = await arrive(browser, salon, "elsa", "/profile/appearance");
    await page.getByText("Français").click();
    await page.getByRole("heading", { name: "Taille du texte" }).waitFor();
    await page.getByText("Sombre").click();
    await page.getByText("Géante").click();
    const look = () => page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset.theme, getComputedStyle(document.documentElement).fontSize]);
    assert.deepEqual(await look(), ["fr", "dark", "21.6px"]);
    await page.reload();
    await page.getByRole("heading", { name: "Taille du texte" }).waitFor();
    assert.deepEqual(await look(), ["fr", "dark", "21.6px"]);
    assert.deepEqual(faults, []);
  },

  "what one is told of, and who sees what one has read, is kept by the server": async ({ browser, salon }) => {
    const { page, faults } = await arrive(browser, salon, "finn", "/profile/notifications");
    await page.getByRole("radio", { name: /Mentions and friends/ }).click();
    await page.goto("/profile/messages");
    await page.getByRole("switch", { name: /Others see/ }).click();
    const kept = page.waitForResponse((answer) => answer.url().includes("/account_data/") && answer.request().method() === "PUT");
    await kept.catch(() => {});
    await page.evaluate(() => localStorage.removeItem("salon.preferences"));
    await page.reload();
    const receipts = page.getByRole("switch", { name: /Others see/ });
    await receipts.waitFor();
    assert.equal(await receipts.isChecked(), false);
    await page.goto("/profile/notifications");
    const level = page.getByRole("radio", { name: /Mentions and friends/ });
    await level.waitFor();
    assert.equal(await level.isChecked(), true);
    assert.deepEqual(faults, []);
  },

  "an account ends only for who types its name and knows the password": async ({ browser, salon }) => {
    const { page, faults } = await arrive(browser, salon, "gina", "/profile/account", { size: "phone" });
    await page.getByRole("link", { name: "Deactivate…" }).click();
    const submit = page.getByRole("button", { name: "Deactivate for good" });
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    assert.equal(await submit.isDisabled(), true);
    await page.getByLabel(/type your name/).fill("gina");
    await submit.click();
    await page.waitForURL(/\/login/);
    await logIn(page, "gina");
    await page.getByRole("alert").waitFor();
    assert.deepEqual(faults, []);
  },

  "the profile pleases axe and fits in both sizes, themes and languages": async ({ browser, salon }) => {
    for (const [name, screen] of Object.entries({
      hugo: { size: "desktop", locale: "en-GB", colorScheme: "light" },
      iris: { size: "desktop", locale: "fr-FR", colorScheme: "dark" },
      jack: { size: "phone", locale: "fr-FR", colorScheme: "light" },
      kira: { size: "phone", locale: "en-GB", colorScheme: "dark" },
    })) {
      const { page, faults, context } = await arrive(browser, salon, name, "/profile", screen);
      for (const path of ["/profile", ...SECTIONS.map((section) => `/profile/${section}`)]) {
        await page.goto(path);
        await page.locator("main h1").filter({ visible: true }).waitFor();
        await page.waitForTimeout(300);
        assert.deepEqual(await axe(page), [], `${path} ${JSON.stringify(screen)}`);
        assert.equal(await overflows(page), false, `${path} is too wide: ${JSON.stringify(screen)}`);
      }
      assert.deepEqual(faults, []);
      await context.close();
    }
  },
};
