// How one writes: names, emoji, formats, several lines, drafts; and what others see of it.
import assert from "node:assert/strict";
import { axe, overflows } from "../browser.mjs";
import { composer, enter, message, person, roomOf, roomPath, timeline, write } from "../talk.mjs";

export const stories = {
  "somebody is mentioned by a name that is suggested, and told so": async ({ browser, salon }) => {
    const [mona, nils] = [await person(salon, "mona", "Mona"), await person(salon, "nils", "Nils Öberg")];
    const room = await roomOf(mona, [nils], { name: "Library" });
    const one = await enter(browser, salon, mona, roomPath(room));
    const other = await enter(browser, salon, nils, "/rooms");
    await composer(one.page).pressSequentially("Hello @obe");
    const suggestion = one.page.getByRole("option").filter({ hasText: "Nils Öberg" });
    await suggestion.waitFor();
    assert.deepEqual(await axe(one.page), []);
    await composer(one.page).press("Enter");
    await composer(one.page).pressSequentially("are you there?");
    await composer(one.page).press("Enter");
    await message(one.page, "are you there?").getByRole("link", { name: "@Nils Öberg" }).waitFor();
    // The list of rooms says that one is meant.
    await other.page.getByRole("link", { name: /Library.*mention/ }).click();
    await message(other.page, "are you there?").and(other.page.locator(".told")).waitFor();
    // Everybody at once, by who may.
    await composer(one.page).pressSequentially("@roo");
    await one.page.getByRole("option").filter({ hasText: "Everybody in the room" }).click();
    await composer(one.page).pressSequentially("tea!");
    await composer(one.page).press("Enter");
    await message(other.page, "tea!").and(other.page.locator(".told")).waitFor();
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "emoji are found by word, by code and in their tone": async ({ browser, salon }) => {
    const olga = await person(salon, "olga", "Olga");
    const room = await roomOf(olga, [], { name: "Smiles" });
    const { page, faults } = await enter(browser, salon, olga, roomPath(room));
    await composer(page).pressSequentially("Good :smile: and :thumbsu");
    await page.getByRole("option").first().waitFor();
    await composer(page).press("Tab");
    assert.match(await composer(page).inputValue(), /^Good 😄 and 👍\ufe0f? ?$/u);
    await page.getByRole("button", { name: "Emoji", exact: true }).click();
    const picker = page.getByRole("dialog", { name: "Emoji" });
    await picker.getByRole("radio", { name: "Medium-dark" }).check({ force: true });
    await picker.getByRole("searchbox").fill("wave");
    await picker.getByRole("button", { name: /waving hand/ }).waitFor();
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Enter");
    assert.match(await composer(page).inputValue(), /👋🏾/u);
    await composer(page).press("Enter");
    await message(page, "👋🏾").waitFor();
    // The next time it is among those of late, in French too, by keys alone.
    await page.getByRole("button", { name: "Emoji", exact: true }).click();
    await picker.getByRole("button", { name: "👋🏾" }).first().waitFor();
    await page.keyboard.press("Escape");
    await picker.waitFor({ state: "detached" });
    assert.deepEqual(faults, []);
  },

  "on a phone emoji are a sheet, a message is a long press away, and all of it fits": async ({ browser, salon }) => {
    const [pepe, quita] = [await person(salon, "pepe", "Pepe"), await person(salon, "quita", "Quita")];
    const room = await roomOf(pepe, [quita], { name: "Téléphone" });
    await quita.say(room, "Coucou");
    const { page, faults } = await enter(browser, salon, pepe, roomPath(room), { size: "phone", locale: "fr-FR", colorScheme: "dark" });
    await message(page, "Coucou").locator(".bubble").click({ button: "right" });
    const menu = page.getByRole("menu");
    await menu.waitFor();
    const box = await menu.boundingBox();
    assert.equal(Math.round(box.y + box.height), 844);
    assert.deepEqual(await axe(page), []);
    await menu.getByRole("menuitem", { name: "Autre réaction" }).click();
    const picker = page.getByRole("dialog", { name: "Émojis" }).or(page.getByRole("dialog", { name: /moji/ })).first();
    await picker.getByRole("searchbox").fill("coeur");
    await picker.getByRole("button", { name: /cœur rouge/i }).click();
    await timeline(page).getByTitle(/Vous.*❤/).waitFor();
    assert.equal(await overflows(page), false);
    assert.deepEqual(faults, []);
  },

  "formats are shown as they are meant, lines stay lines, and code can be copied": async ({ browser, salon }) => {
    const [rita, stan] = [await person(salon, "rita", "Rita"), await person(salon, "stan", "Stan")];
    const room = await roomOf(rita, [stan], { name: "Formats" });
    const one = await enter(browser, salon, rita, roomPath(room));
    const other = await enter(browser, salon, stan, roomPath(room), { size: "phone" });
    await composer(one.page).fill("Two");
    await composer(one.page).press("Shift+Enter");
    await composer(one.page).pressSequentially("lines, **bold**, *slanted*, `code` and https://example.org/a_b_c");
    await composer(one.page).press("Enter");
    const said = message(other.page, "Two");
    await said.locator("strong", { hasText: "bold" }).waitFor();
    await said.locator("em", { hasText: "slanted" }).waitFor();
    await said.locator("code", { hasText: "code" }).waitFor();
    assert.equal(await said.getByRole("link").getAttribute("href"), "https://example.org/a_b_c");
    assert.match(await said.locator(".bubble").innerText(), /Two\nlines/);
    await write(one.page, "```js\nconst a = 1;\n```");
    await one.page.getByRole("button", { name: "Copy this code" }).click();
    assert.equal((await one.page.evaluate(() => navigator.clipboard.readText())).trim(), "const a = 1;");
    // What only looks like markup is left alone.
    await write(one.page, "2 * 3 * 4 <b>not bold</b>");
    await message(other.page, "2 * 3 * 4 <b>not bold</b>").waitFor();
    // By keys: bold around a selection.
    await composer(one.page).fill("word");
    await composer(one.page).press("ControlOrMeta+a");
    await composer(one.page).press("ControlOrMeta+b");
    assert.equal(await composer(one.page).inputValue(), "**word**");
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "a draft is kept in its room, shown in the list, and outlives a reload": async ({ browser, salon }) => {
    const [tara, udo] = [await person(salon, "tara", "Tara"), await person(salon, "udo", "Udo")];
    const [here, there] = [await roomOf(tara, [udo], { name: "Here" }), await roomOf(tara, [udo], { name: "There" })];
    const { page, faults } = await enter(browser, salon, tara, roomPath(here));
    await composer(page).pressSequentially("Half a thou");
    await page.getByRole("link", { name: /There/ }).click();
    await page.getByRole("textbox", { name: "Message to ⁨There⁩" }).or(composer(page)).first().waitFor();
    await page.waitForURL(new RegExp(encodeURIComponent(there).slice(0, 12).replace(/[!%]/g, ".")));
    await page.waitForFunction(() => document.querySelector("textarea")?.value === "");
    await page.getByRole("link", { name: /Here.*Half a thou/ }).waitFor();
    await page.goto(roomPath(here));
    await page.waitForFunction(() => document.querySelector("textarea")?.value === "Half a thou");
    await composer(page).press("End");
    await composer(page).pressSequentially("ght");
    await page.waitForTimeout(600);
    await page.reload();
    await page.waitForFunction(() => document.querySelector("textarea")?.value === "Half a thought");
    await composer(page).press("Enter");
    await message(page, "Half a thought").waitFor();
    await page.reload();
    await message(page, "Half a thought").waitFor();
    assert.equal(await composer(page).inputValue(), "");
    assert.deepEqual(faults, []);
  },

  "that somebody types is shown, and soon forgotten": async ({ browser, salon }) => {
    const [vera, willi] = [await person(salon, "vera-types", "Vera"), await person(salon, "willi", "Willi")];
    const room = await roomOf(vera, [willi], { name: "Typing pool" });
    const one = await enter(browser, salon, vera, roomPath(room));
    const other = await enter(browser, salon, willi, roomPath(room), { size: "phone" });
    await composer(other.page).waitFor();
    await composer(one.page).pressSequentially("Dear Willi");
    await other.page.getByRole("main").getByText(/Vera.* is typing/).first().waitFor();
    await one.page.getByRole("button", { name: "Send", exact: true }).click();
    await message(other.page, "Dear Willi").waitFor();
    await other.page.getByRole("main").getByText(/Vera.* is typing/).first().waitFor({ state: "detached" });
    await composer(one.page).pressSequentially("And");
    await other.page.getByRole("main").getByText(/Vera.* is typing/).first().waitFor();
    await other.page.getByRole("main").getByText(/Vera.* is typing/).first().waitFor({ state: "detached" });
    assert.deepEqual([...one.faults, ...other.faults], []);
  },
};
