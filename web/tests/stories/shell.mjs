// Finding one's way: the quick switcher, public rooms, somebody's profile, and a list of many rooms.
import assert from "node:assert/strict";
import { overflows } from "../browser.mjs";
import { Person } from "../salon.mjs";
import { enter } from "../talk.mjs";

export const stories = {
  "Ctrl+K leads to a room by a few of its letters": async ({ browser, salon }) => {
    const tara = await Person.register(salon.url, "tara");
    for (const name of ["Chess evenings", "Sunday walks"]) await tara.createRoom({ preset: "private_chat", name });
    const { page, faults } = await enter(browser, salon, tara);
    await page.getByText("Sunday walks").first().waitFor();
    await page.keyboard.press("Control+k");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("option").first().waitFor();
    await page.keyboard.type("ches");
    await dialog.getByRole("option").filter({ hasText: "Chess evenings" }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/room\//);
    await page.getByRole("textbox", { name: /^Message to .*Chess evenings/ }).waitFor();
    assert.deepEqual(faults, []);
  },

  "a public room is found by its name and joined by one click, on a phone": async ({ browser, salon }) => {
    const [uma, viktor] = [await Person.register(salon.url, "uma"), await Person.register(salon.url, "viktor")];
    await uma.createRoom({ preset: "public_chat", visibility: "public", name: "Mushroom hunters", topic: "Where not to look", room_alias_name: "mushrooms" });
    const { page, faults } = await enter(browser, salon, viktor, "/rooms", { size: "phone" });
    await page.goto("/explore");
    await page.getByRole("textbox").or(page.getByRole("searchbox")).or(page.getByRole("combobox")).first().fill("mushr");
    await page.getByText("Where not to look").waitFor();
    await page.getByRole("button", { name: /Join/ }).first().click();
    await page.waitForURL(/\/room\//);
    await page.getByRole("textbox", { name: /^Message to .*Mushroom hunters/ }).waitFor();
    assert.equal(await overflows(page), false);
    assert.deepEqual(faults, []);
  },

  "a hundred rooms are in the list, the newest first, and a link to nobody is no dead end": async ({ browser, salon }) => {
    const wim = await Person.register(salon.url, "wim");
    for (let from = 0; from < 100; from += 20) await Promise.all(Array.from({ length: 20 }, (_, index) => wim.createRoom({ preset: "private_chat", name: `Room ${from + index}` })));
    const newest = await wim.createRoom({ preset: "private_chat", name: "The newest" });
    await wim.say(newest, "here");
    const { page, faults } = await enter(browser, salon, wim);
    const rows = page.locator('a[href^="/room/"]');
    await rows.first().waitFor();
    assert.match(await rows.first().innerText(), /The newest/);
    assert.ok((await rows.count()) < 60, "only what is seen is drawn");
    await page.goto("/user/@nobody:localhost");
    await page.getByText("Nobody has this ID").waitFor();
    await page.getByRole("link", { name: "Find somebody else" }).waitFor();
    assert.deepEqual(faults, []);
  },
};
