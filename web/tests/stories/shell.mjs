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

  "an account of five hundred rooms is scrolled, searched and led through without a hitch": async ({ browser, salon }) => {
    const wim = await Person.register(salon.url, "wim");
    for (let from = 0; from < 500; from += 20) await Promise.all(Array.from({ length: 20 }, (_, index) => wim.createRoom({ preset: "private_chat", name: `Room ${from + index}` })));
    const newest = await wim.createRoom({ preset: "private_chat", name: "The newest" });
    await wim.say(newest, "here");
    const { page, faults } = await enter(browser, salon, wim);
    const rows = page.locator('a[href^="/room/"]');
    await rows.first().waitFor();
    assert.match(await rows.first().innerText(), /The newest/);

    // Down to the oldest and up again, as one flings; on whatever machine, most frames are in time.
    const list = rows.first().locator("xpath=ancestor::ul/..");
    for (const step of [150, -150]) {
      const { median, most } = await fling(list, step);
      assert.ok(median < 34, `half of the frames took ${median} ms or more`);
      assert.ok(most < 60, `only what is seen is drawn: ${most} rows`);
    }
    await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.getByText("Room 0", { exact: true }).or(page.getByText("Room 19", { exact: true })).first().waitFor();

    // By keyboard, from the first to the last and to what is typed.
    await list.evaluate((element) => element.scrollTo(0, 0));
    await rows.first().focus();
    await page.keyboard.press("End");
    await page.waitForFunction(() => /Room 1?\d$/m.test(document.activeElement?.innerText ?? ""));
    await page.keyboard.press("Home");
    await page.waitForFunction(() => document.activeElement?.innerText.includes("The newest"));
    const search = page.getByRole("combobox", { name: /Search/ });
    await search.pressSequentially("room 437");
    const found = page.getByRole("option").filter({ hasText: "Room 437" });
    await found.waitFor();
    assert.equal(await page.getByRole("option").filter({ hasText: /^(?!.*437).*Room \d+/ }).count(), 0);
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: /^Message to .*Room 437/ }).waitFor();

    // What is said there brings it up, where one looks for it.
    await page.getByRole("textbox", { name: /^Message to/ }).fill("hello");
    await page.keyboard.press("Enter");
    await list.evaluate((element) => element.scrollTo(0, 0));
    await page.waitForFunction(() => document.querySelector('a[href^="/room/"]')?.innerText.includes("Room 437"));
    assert.deepEqual(faults, []);
  },

  "a link to nobody is no dead end": async ({ browser, salon }) => {
    const wanda = await Person.register(salon.url, "wanda");
    const { page, faults } = await enter(browser, salon, wanda, "/user/@nobody:localhost");
    await page.getByText("Nobody has this ID").waitFor();
    await page.getByRole("link", { name: "Find somebody else" }).waitFor();
    assert.deepEqual(faults, []);
  },
};

/** Scrolls to an end, so many pixels a frame: what half of the frames took, ms, and how many rows there were at most. */
function fling(list, step) {
  return list.evaluate(async (element, step) => {
    const frames = [];
    let most = 0;
    let [before, last] = [NaN, await new Promise(requestAnimationFrame)];
    while (element.scrollTop !== before) {
      before = element.scrollTop;
      element.scrollBy(0, step);
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - last);
      last = now;
      most = Math.max(most, element.querySelectorAll("li").length);
    }
    frames.sort((one, other) => one - other);
    return { median: frames[frames.length >> 1], most, count: frames.length, p95: frames[Math.floor(frames.length * 0.95)], longest: frames.at(-1) };
  }, step);
}
