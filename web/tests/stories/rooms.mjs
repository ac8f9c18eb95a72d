// Rooms: made, filled with people, talked in by two browsers at once, and left against one's will.
import assert from "node:assert/strict";
import { arrive } from "../talk.mjs";

/** A picture of one red point. */
const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==", "base64");

const composer = (page) => page.getByRole("textbox", { name: /^Message to/ });

async function write(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

const inTimeline = (page, text) => page.getByRole("log").getByText(text).first();

export const stories = {
  "a room is made, a friend is invited, and both talk, react, edit and delete, live": async ({ browser, salon }) => {
    const ines = await arrive(browser, salon, "ines");
    const jules = await arrive(browser, salon, "jules");
    await ines.page.getByRole("button", { name: "Create a room" }).first().click();
    const dialog = ines.page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "Name" }).fill("Choir");
    await dialog.getByRole("combobox").fill("jules");
    await dialog.getByRole("option").filter({ hasText: "jules" }).first().click();
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await ines.page.waitForURL(/\/room\//);
    await jules.page.getByRole("button", { name: "Accept" }).first().click();
    await jules.page.getByText("Choir").first().click();
    await jules.page.waitForURL(/\/room\//);

    await write(ines.page, "Hello **Jules**!");
    await inTimeline(jules.page, "Hello Jules!").waitFor();
    await write(jules.page, "Hello Ines, shall we begin?");
    await inTimeline(ines.page, "shall we begin?").waitFor();
    await composer(jules.page).pressSequentially("I am typ", { delay: 40 });
    await ines.page.getByText(/typing|writing|writes/i).first().waitFor();
    await composer(jules.page).fill("");

    // The last of one's own is edited by the arrow.
    await composer(jules.page).press("ArrowUp");
    await composer(jules.page).fill("Hello Ines, shall we start?");
    await composer(jules.page).press("Enter");
    await inTimeline(ines.page, "shall we start?").waitFor();
    assert.deepEqual([...ines.faults, ...jules.faults], []);
  },

  "a picture is sent, seen by the other, and opens large": async ({ browser, salon }) => {
    const lena = await arrive(browser, salon, "lena");
    const mika = await arrive(browser, salon, "mika");
    const room = await lena.person.createRoom({ preset: "private_chat", name: "Pictures", invite: [mika.person.id] });
    await mika.person.act(room, "join");
    for (const { page } of [lena, mika]) await page.goto(`/room/${encodeURIComponent(room)}`);
    await composer(lena.page).waitFor();
    await lena.page.locator("input[type=file]").first().setInputFiles({ name: "point.png", mimeType: "image/png", buffer: PICTURE });
    await lena.page.getByRole("button", { name: "Send", exact: true }).click();
    const picture = mika.page.getByRole("log").getByRole("button", { name: /Open picture/ });
    await picture.locator("img").waitFor();
    await picture.click();
    await mika.page.getByRole("dialog").locator("img").waitFor();
    await mika.page.keyboard.press("Escape");
    assert.deepEqual([...lena.faults, ...mika.faults], []);
  },

  "somebody who is removed sees who did it and why": async ({ browser, salon }) => {
    const nora = await arrive(browser, salon, "nora");
    const otto = await arrive(browser, salon, "otto");
    const room = await nora.person.createRoom({ preset: "private_chat", name: "Quiet corner", invite: [otto.person.id] });
    await otto.person.act(room, "join");
    await otto.page.goto(`/room/${encodeURIComponent(room)}`);
    await composer(otto.page).waitFor();
    await nora.page.goto(`/room/${encodeURIComponent(room)}?panel=members`);
    await nora.page.getByRole("button", { name: /What to do about .*otto/ }).click();
    await nora.page.getByRole("menuitem", { name: /Remove from the room/ }).click();
    const dialog = nora.page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("Too loud");
    await dialog.getByRole("button", { name: /Remove/ }).click();
    await otto.page.getByText(/nora.* removed you from this room/).first().waitFor();
    await otto.page.getByText("Too loud").first().waitFor();
    assert.deepEqual([...nora.faults, ...otto.faults], []);
  },

  "a server that restarts in the middle loses nothing and needs no reload": async ({ browser, salon }) => {
    const pia = await arrive(browser, salon, "pia");
    const quin = await arrive(browser, salon, "quin");
    const room = await pia.person.createRoom({ preset: "private_chat", name: "Through the night", invite: [quin.person.id] });
    await quin.person.act(room, "join");
    for (const { page } of [pia, quin]) await page.goto(`/room/${encodeURIComponent(room)}`);
    await write(pia.page, "before");
    await inTimeline(quin.page, "before").waitFor();
    await salon.pause();
    await write(pia.page, "meanwhile");
    await salon.resume();
    await inTimeline(quin.page, "meanwhile").waitFor({ timeout: 60_000 });
    await write(quin.page, "after");
    await inTimeline(pia.page, "after").waitFor({ timeout: 60_000 });
    assert.equal(await inTimeline(quin.page, "meanwhile").count(), 1);
  },

  "two thousand messages scroll back to the first": async ({ browser, salon }) => {
    const rosa = await arrive(browser, salon, "rosa");
    const room = await rosa.person.createRoom({ preset: "private_chat", name: "Long" });
    for (let start = 0; start < 2_000; start += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, index) => rosa.person.say(room, `message ${start + index}`)));
    }
    await rosa.page.goto(`/room/${encodeURIComponent(room)}`);
    await composer(rosa.page).waitFor();
    const log = rosa.page.getByRole("log");
    await log.getByText(/^message \d+$/).first().waitFor();
    const beginning = log.getByText("message 0", { exact: true });
    await log.hover();
    for (let turn = 0; turn < 1_000 && !(await beginning.isVisible()); turn += 1) {
      await rosa.page.mouse.wheel(0, -8_000);
      await rosa.page.waitForTimeout(60);
    }
    await beginning.waitFor({ timeout: 5_000 });
    assert.deepEqual(rosa.faults, []);
  },
};
