// How much a room may say: all, mentions, nothing; what is unread; what one likes most and least.
import assert from "node:assert/strict";
import { enter, message, panel, person, roomOf, roomPath } from "../talk.mjs";

const row = (page, name) => page.getByRole("link", { name: new RegExp(name) }).first();

async function choose(page, entry) {
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitemcheckbox", { name: entry }).or(page.getByRole("menuitem", { name: entry })).click();
}

export const stories = {
  "unread marks follow how much one wants to hear of a room": async ({ browser, salon }) => {
    const [ulla, veit] = [await person(salon, "ulla", "Ulla"), await person(salon, "veit", "Veit")];
    const [room, elsewhere] = [await roomOf(veit, [ulla], { name: "Busy" }), await roomOf(veit, [ulla], { name: "Calm" })];
    const { page, faults } = await enter(browser, salon, ulla, roomPath(room));
    await choose(page, "Notify of mentions");
    await page.goto(roomPath(elsewhere));
    await veit.say(room, "to nobody");
    await veit.say(room, "Ulla!", { "m.mentions": { user_ids: [ulla.id] } });
    await row(page, "Busy.*mention").waitFor();
    assert.equal(await row(page, "Busy").locator(".count").innerText(), "1");
    // Reading takes the mark away, here and on the server.
    await row(page, "Busy").click();
    await message(page, "Ulla!").waitFor();
    await page.getByRole("link", { name: /Busy(?!.*mention)/ }).first().waitFor();
    await choose(page, "No notifications");
    await page.getByLabel("Muted").or(page.getByLabel(/muted/i)).first().waitFor();
    await row(page, "Calm").click();
    await veit.say(room, "Ulla again", { "m.mentions": { user_ids: [ulla.id] } });
    await page.getByRole("link", { name: /Busy.*Ulla again/ }).waitFor();
    assert.equal(await page.getByRole("link", { name: /Busy.*mention/ }).count(), 0);
    // All, chosen in the settings, and seen in the menu.
    await page.goto(roomPath(room, "settings"));
    await panel(page).getByRole("radio", { name: "All messages", exact: true }).check();
    await page.getByLabel(/muted/i).first().waitFor({ state: "detached" });
    await page.goto(roomPath(elsewhere));
    await veit.say(room, "one more");
    await row(page, "Busy.*1 unread").or(row(page, "Busy.*one more.*1")).first().waitFor();
    // Unread by hand.
    await row(page, "Calm").waitFor();
    await choose(page, "Mark as unread");
    await row(page, "Calm.*unread").waitFor();
    assert.deepEqual(faults, []);
  },

  "rooms become favourites by menu and by dragging, and go back": async ({ browser, salon }) => {
    const xaver = await person(salon, "xaver", "Xaver");
    const [first, second] = [await roomOf(xaver, [], { name: "Alpha" }), await roomOf(xaver, [], { name: "Beta" })];
    const { page, faults } = await enter(browser, salon, xaver, roomPath(first));
    await choose(page, /favourite/i);
    const heading = (name) => page.getByRole("button", { name: new RegExp(name) }).or(page.getByRole("heading", { name: new RegExp(name) })).first();
    await heading("Favourites").waitFor();
    const tags = (room) => xaver.call("GET", `/v3/user/${encodeURIComponent(xaver.id)}/rooms/${encodeURIComponent(room)}/tags`).then(({ tags }) => Object.keys(tags));
    assert.deepEqual(await tags(first), ["m.favourite"]);
    // Dragged to where what matters less lies.
    const from = await row(page, "Beta").boundingBox();
    await page.mouse.move(from.x + 60, from.y + 20);
    await page.mouse.down();
    await page.mouse.move(from.x + 80, from.y + 60, { steps: 4 });
    const zone = page.locator(".zone").filter({ hasText: "Low priority" });
    await zone.waitFor();
    const to = await zone.boundingBox();
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 6 });
    await page.mouse.up();
    await heading("Low priority").waitFor();
    await page.waitForFunction(() => !document.querySelector(".zone"));
    assert.deepEqual(await tags(second), ["m.lowpriority"]);
    await choose(page, /favourite/i);
    await heading("Favourites").waitFor({ state: "detached" });
    assert.deepEqual(await tags(first), []);
    assert.deepEqual(faults, []);
  },
};
