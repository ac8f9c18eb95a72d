// Files in a conversation: chosen, pasted and dropped, on their way, seen, heard, and kept by the other.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { axe, overflows } from "../browser.mjs";
import { film, picture, tone } from "../media.mjs";
import { composer, enter, message, person, roomOf, roomPath, timeline } from "../talk.mjs";

// So small that a story can pass it.
export const environment = { SALON_MEDIA__MAX_UPLOAD_SIZE: "1000000" };

async function two(browser, salon, names, screens = [{}, {}]) {
  const [one, other] = await Promise.all(names.map((name) => person(salon, name, name[0].toUpperCase() + name.slice(1))));
  const room = await roomOf(one, [other], { name: "Album" });
  return { room, one: await enter(browser, salon, one, roomPath(room), screens[0]), other: await enter(browser, salon, other, roomPath(room), screens[1]) };
}

const choose = (page, ...files) => page.locator("form input[type=file]").setInputFiles(files);
const png = (name, width, height, colour) => ({ name, mimeType: "image/png", buffer: picture(width, height, colour) });
const tray = (page) => page.getByRole("list", { name: "Files to send" });
const send = (page) => page.getByRole("button", { name: "Send", exact: true }).click();

/** Hands files to the page as a paste or a drop does. */
async function hand(page, event, selector, file) {
  await page.evaluate(
    ({ event, selector, name, type, bytes }) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0))], name, { type }));
      const target = document.querySelector(selector);
      const options = { bubbles: true, cancelable: true };
      if (event === "paste") target.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data }));
      else for (const step of ["dragenter", "dragover", event].filter((one, at, all) => at === 0 || one !== all[at - 1])) target.dispatchEvent(new DragEvent(step, { ...options, dataTransfer: data }));
    },
    { event, selector, name: file.name, type: file.mimeType, bytes: file.buffer.toString("base64") },
  );
}

export const stories = {
  "files are chosen, pasted and dropped, taken out again, and sent with words": async ({ browser, salon }) => {
    const { one, other } = await two(browser, salon, ["anouk", "boris"]);
    await composer(one.page).waitFor();
    await choose(one.page, png("chosen.png", 320, 200), { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Milk, eggs") });
    await hand(one.page, "paste", "textarea", png("pasted.png", 64, 64, [40, 90, 160]));
    await hand(one.page, "dragover", ".timeline", png("dropped.png", 80, 80));
    await one.page.getByText("Drop files here to send them").waitFor();
    await hand(one.page, "drop", ".timeline", png("dropped.png", 80, 80));
    await one.page.getByText("Drop files here").waitFor({ state: "detached" });
    assert.equal(await tray(one.page).getByRole("listitem").count(), 4);
    assert.deepEqual(await axe(one.page), []);
    await tray(one.page).getByRole("button", { name: /Remove .*dropped/ }).click();
    await composer(one.page).fill("From the market");
    await send(one.page);
    await tray(one.page).waitFor({ state: "detached" });
    await message(other.page, "From the market").locator("img").waitFor();
    await message(other.page, "notes.txt").waitFor();
    await timeline(other.page).getByRole("button", { name: /Open picture: pasted/ }).locator("img").waitFor();
    assert.equal(await timeline(other.page).getByRole("article").count(), 3);
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "a file shows how far it is, can be stopped, and one that is too large is not taken": async ({ browser, salon }) => {
    const { one, other } = await two(browser, salon, ["carla", "denis"], [{ size: "phone", colorScheme: "dark" }, {}]);
    await composer(one.page).waitFor();
    await choose(one.page, { name: "huge.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(1_100_000) });
    await one.page.getByText(/huge\.bin.* is too large/).waitFor();
    assert.equal(await tray(one.page).count(), 0);
    let go;
    const held = new Promise((resolve) => (go = resolve));
    await one.page.route("**/media/v3/upload**", async (route) => {
      await held;
      await route.continue().catch(() => undefined);
    });
    await choose(one.page, png("slow.png", 640, 480));
    await send(one.page);
    await timeline(one.page).getByRole("progressbar", { name: "Upload" }).waitFor();
    assert.deepEqual(await axe(one.page), []);
    await timeline(one.page).getByRole("button", { name: "Cancel" }).click();
    await timeline(one.page).getByRole("article").waitFor({ state: "detached" });
    await choose(one.page, png("second.png", 640, 480));
    await send(one.page);
    await timeline(one.page).getByRole("progressbar").waitFor();
    go();
    await timeline(other.page).getByRole("button", { name: /Open picture: second/ }).locator("img").waitFor();
    await timeline(one.page).getByRole("progressbar").waitFor({ state: "detached" });
    assert.equal(await timeline(other.page).getByRole("article").count(), 1);
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "an upload that fails says so, and is sent again": async ({ browser, salon }) => {
    const { one, other } = await two(browser, salon, ["edda", "frank"]);
    await composer(one.page).waitFor();
    await one.page.route("**/media/v3/upload**", (route) => route.fulfill({ status: 403, json: { errcode: "M_FORBIDDEN", error: "No" } }));
    await choose(one.page, png("again.png", 100, 100));
    await send(one.page);
    await timeline(one.page).getByText("Not sent").waitFor();
    await one.page.unroute("**/media/v3/upload**");
    await timeline(one.page).getByRole("button", { name: "Send again" }).click();
    await timeline(other.page).getByRole("button", { name: /Open picture: again/ }).locator("img").waitFor();
    await timeline(one.page).getByText("Not sent").waitFor({ state: "detached" });
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "pictures open large, zoom, and lead to the next": async ({ browser, salon }) => {
    const { one, other } = await two(browser, salon, ["gitta", "heinz"], [{}, { locale: "fr-FR", colorScheme: "dark" }]);
    await composer(one.page).waitFor();
    await choose(one.page, png("first.png", 900, 600), png("second.png", 400, 700, [40, 120, 80]));
    await send(one.page);
    await timeline(one.page).getByRole("button", { name: /Open picture: second/ }).locator("img").waitFor();
    await timeline(other.page).getByRole("button", { name: /first\.png/ }).click();
    const viewer = other.page.getByRole("dialog");
    const shown = viewer.locator("img");
    await shown.waitFor();
    const width = async () => (await shown.boundingBox()).width;
    const whole = await width();
    await viewer.getByRole("button", { name: "Agrandir" }).click();
    await other.page.waitForFunction((before) => document.querySelector("dialog img").getBoundingClientRect().width > before * 1.3, whole);
    assert.deepEqual(await axe(other.page), []);
    await other.page.keyboard.press("0");
    await other.page.waitForFunction((before) => Math.abs(document.querySelector("dialog img").getBoundingClientRect().width - before) < 2, whole);
    await shown.dblclick();
    await other.page.waitForFunction((before) => document.querySelector("dialog img").getBoundingClientRect().width > before * 2, whole);
    await other.page.keyboard.press("0");
    await other.page.keyboard.press("ArrowRight");
    await viewer.getByRole("img", { name: /second\.png/ }).waitFor();
    await other.page.keyboard.press("Escape");
    await viewer.waitFor({ state: "detached" });
    // A thumb that pinches and swipes closes or turns it on a phone; there the keys are not.
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "sound and film play, and a file is kept under its name": async ({ browser, salon }) => {
    const { one, other } = await two(browser, salon, ["inka", "jonas"], [{}, { size: "phone" }]);
    await composer(one.page).waitFor();
    await choose(
      one.page,
      { name: "tone.wav", mimeType: "audio/wav", buffer: tone(2) },
      { name: "colours.webm", mimeType: "video/webm", buffer: await film(one.page) },
      { name: "Liste d’achats.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4 not really") },
    );
    await send(one.page);
    const log = timeline(other.page);
    await log.getByRole("button", { name: /tone\.wav/ }).getByText(/0:02/).waitFor();
    await log.getByRole("button", { name: /tone\.wav/ }).click();
    await other.page.waitForFunction(() => document.querySelector("audio")?.currentTime > 0.2);
    await log.getByRole("button", { name: /Play video: colours/ }).click();
    await other.page.waitForFunction(() => document.querySelector("video")?.currentTime > 0.1);
    const card = message(other.page, "Liste d’achats.pdf");
    await card.getByText("19 B").or(card.getByText(/19/)).first().waitFor();
    const download = other.page.waitForEvent("download");
    await card.getByRole("button", { name: "Download" }).click();
    const file = await download;
    assert.equal(file.suggestedFilename(), "Liste d’achats.pdf");
    assert.equal(await readFile(await file.path(), "utf8"), "%PDF-1.4 not really");
    assert.deepEqual(await axe(other.page), []);
    assert.equal(await overflows(other.page), false);
    assert.deepEqual([...one.faults, ...other.faults], []);
  },
};
