// The profile: who one is, one's sessions, how the page looks and behaves, and leaving.
import assert from "node:assert/strict";
import { axe, logIn, open, overflows } from "../browser.mjs";
import { PASSWORD } from "../salon.mjs";
import { arrive } from "../talk.mjs";

/** Longer than what may be undone. */
const DONE_MS = 7_000;
const isSetting = (answer) => answer.url().includes("/account_data/") && answer.request().method() === "PUT";
/** The last of the requests that make rooms quieter: leaving the page would end those that are under way. */
const isLastRule = (answer) => answer.url().includes("/underride/.m.rule.encrypted_room_one_to_one/") && answer.request().method() === "PUT";
const NEXT = "another good battery staple";
const SECTIONS = ["account", "password", "sessions", "appearance", "messages", "notifications", "blocked", "about", "deactivate"];

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

  "a picture is cropped, seen by others, and removed with time to think": async ({ browser, salon }) => {
    const { page, person, faults } = await arrive(browser, salon, "abby", "/profile/account");
    const drawn = await page.evaluate(() => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 900, height: 600 });
      const context = canvas.getContext("2d");
      context.fillStyle = "tomato";
      context.fillRect(0, 0, 900, 600);
      return canvas.toDataURL("image/png").split(",")[1];
    });
    await page.locator("input[type=file]").setInputFiles({ name: "me.png", mimeType: "image/png", buffer: Buffer.from(drawn, "base64") });
    const crop = page.getByRole("application");
    await crop.focus();
    for (const key of ["+", "+", "ArrowLeft", "ArrowUp"]) await page.keyboard.press(key);
    assert.ok(Number(await page.getByRole("slider", { name: "Zoom" }).inputValue()) > 1.1);
    await page.getByRole("button", { name: "Use picture" }).click();
    await page.getByText("You have a new picture.").waitFor();
    await page.locator("main img[src^='blob:']").first().waitFor();
    const avatar = async () => (await person.call("GET", `/v3/profile/${encodeURIComponent(person.id)}`)).avatar_url;
    assert.match(await avatar(), /^mxc:\/\//);
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Choose a picture" }).waitFor();
    assert.match(await avatar(), /^mxc:\/\//);
    await page.waitForTimeout(DONE_MS);
    assert.ok(!(await avatar()));
    await page.locator("input[type=file]").setInputFiles({ name: "no.png", mimeType: "image/png", buffer: Buffer.from("not a picture") });
    await page.getByText("This file can’t be read as a picture.").waitFor();
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
    const other = page.getByRole("region", { name: "Elsewhere" }).getByRole("listitem").first();
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
    await page.locator("input[name=username]").waitFor();
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
    await Promise.all([page.waitForResponse(isLastRule), page.getByRole("radio", { name: /Mentions and friends/ }).click()]);
    await page.goto("/profile/messages");
    const receipts = page.getByRole("switch", { name: /Others see/ });
    await Promise.all([page.waitForResponse(isSetting), receipts.click()]);
    // Another browser, which has nothing stored.
    const other = await open(browser, salon);
    await logIn(other.page, "finn");
    await other.page.waitForURL(/\/rooms/);
    await other.page.getByRole("navigation").first().waitFor();
    await other.page.goto("/profile/messages");
    await other.page.getByRole("switch", { name: /Others see/, checked: false }).waitFor();
    await other.page.goto("/profile/notifications");
    await other.page.getByRole("radio", { name: /Mentions and friends/, checked: true }).waitFor();
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
