// Coming in: registration, login, and what goes wrong there.
import assert from "node:assert/strict";
import { axe, logIn, open, overflows, register } from "../browser.mjs";
import { Person } from "../salon.mjs";

const SCREENS = [
  { size: "desktop", locale: "en-GB", colorScheme: "light" },
  { size: "desktop", locale: "fr-FR", colorScheme: "dark" },
  { size: "phone", locale: "fr-FR", colorScheme: "light" },
  { size: "phone", locale: "en-GB", colorScheme: "dark" },
];

export const stories = {
  "login and registration please axe in both sizes, themes and languages": async ({ browser, salon }) => {
    for (const screen of SCREENS) {
      const { page, faults, context } = await open(browser, salon, screen);
      for (const path of ["/login", "/register"]) {
        await page.goto(path);
        await page.locator("h1").waitFor();
        assert.deepEqual(await axe(page), [], `${path} ${JSON.stringify(screen)}`);
        assert.equal(await overflows(page), false, `${path} is too wide: ${JSON.stringify(screen)}`);
        const french = screen.locale === "fr-FR";
        assert.equal(await page.evaluate(() => document.documentElement.lang), french ? "fr" : "en");
      }
      assert.deepEqual(faults, []);
      await context.close();
    }
  },

  "somebody new makes an account, is told at once which names are taken, and is in": async ({ browser, salon }) => {
    await Person.register(salon.url, "taken");
    const { page, faults } = await open(browser, salon, { path: "/register" });
    await page.locator("input[name=username]").fill("taken");
    await page.getByText("Somebody has this name already.").waitFor();
    await page.locator("input[name=username]").fill("Newcomer");
    await page.getByText("@newcomer:localhost is free.").waitFor();
    await page.locator("input[name=password]").fill("short");
    await page.getByText("Too short or too easy to guess").waitFor();
    await register(page, "newcomer");
    assert.deepEqual(faults, []);
  },

  "a wrong password gets its sentence, the right one opens, and a reload stays in": async ({ browser, salon }) => {
    await Person.register(salon.url, "regular");
    const { page, faults } = await open(browser, salon);
    await logIn(page, "regular", "not the password");
    await page.getByRole("alert").getByText("don’t belong together").waitFor();
    await logIn(page, "@regular:localhost");
    await page.getByRole("navigation").first().waitFor();
    await page.reload();
    await page.waitForURL(/\/rooms/);
    assert.deepEqual(faults, []);
  },

  "a session that was ended elsewhere leads to login with one sentence": async ({ browser, salon }) => {
    const person = await Person.register(salon.url, "revoked");
    const { page, faults } = await open(browser, salon);
    await logIn(page, "revoked");
    await page.waitForURL(/\/rooms/);
    await page.getByRole("navigation").first().waitFor();
    await person.call("POST", "/v3/logout/all", {});
    await page.waitForURL(/\/login/);
    await page.getByText("You were signed out. Please sign in again.").waitFor();
    assert.deepEqual(faults, []);
  },

  "whatever stands in the way has its own sentence, and a wait is counted down": async ({ browser, salon }) => {
    const { page, context, faults } = await open(browser, salon, { path: "/login" });
    const answers = "**/_matrix/client/v3/login";
    const refused = async (status, json, sentence) => {
      await page.route(answers, (route) => route.fulfill({ status, json: { error: "a word of the server's", ...json } }));
      await logIn(page, "somebody");
      await page.getByRole("alert").getByText(sentence).waitFor();
      await page.unroute(answers);
    };
    await refused(403, { errcode: "M_USER_LOCKED" }, /locked/);
    await refused(403, { errcode: "M_USER_DEACTIVATED" }, /no longer exists/);
    await refused(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 4_000 }, /Try again in [34] seconds/);
    await page.getByRole("alert").getByText(/Try again in 1 second\./).waitFor();
    await page.getByRole("alert").waitFor({ state: "detached" });
    await context.setOffline(true);
    await page.locator("button[type=submit]").click();
    await page.getByRole("alert").getByText(/can’t be reached/).waitFor();
    await context.setOffline(false);
    assert.deepEqual(faults, []);
  },

  "a server that takes no newcomers says so, and one that wants a token asks for it": async ({ browser, salon }) => {
    const { page, faults } = await open(browser, salon);
    const mode = (registration) => page.route("**/_salon/about", (route) => route.fulfill({ json: { server_name: "localhost", version: "0", registration } }));
    await mode("closed");
    await page.goto("/register");
    await page.getByText("This server takes no new accounts by itself.").waitFor();
    assert.equal(await page.locator("input").count(), 0);
    await mode("token");
    await page.goto("/register");
    await page.getByLabel("Registration token").waitFor();
    assert.deepEqual(faults, []);
  },

  "the language changes live": async ({ browser, salon }) => {
    const { page } = await open(browser, salon, { path: "/login" });
    await page.getByRole("button", { name: "Français" }).click();
    await page.getByRole("heading", { name: "Heureux de vous revoir" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Heureux de vous revoir" }).waitFor();
  },
};
