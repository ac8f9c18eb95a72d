// The people of a room: found, given roles, let in, refused, banned and let back, and only by who may.
import assert from "node:assert/strict";
import { axe, overflows } from "../browser.mjs";
import { enter, message, panel, person, roomOf, roomPath, statePath } from "../talk.mjs";

const line = (page, name) => panel(page).getByRole("button", { name: new RegExp(`^${name}`) });

/** Opens the menu beside somebody in the list. */
async function menuOf(page, name) {
  await panel(page).getByRole("button", { name: new RegExp(`What to do about .*${name}`) }).click();
  return page.getByRole("menu", { name: "What to do about them" });
}

async function levelOf(someone, room, id) {
  return (await someone.call("GET", statePath(room, "m.room.power_levels"))).users[id] ?? 0;
}

export const stories = {
  "members are found by name and ID, made moderator and admin, and plain again": async ({ browser, salon }) => {
    const [ada, ben] = [await person(salon, "ada", "Ada"), await person(salon, "ben", "Bénédicte")];
    const others = await Promise.all(Array.from({ length: 8 }, (_, index) => person(salon, `ada-pal${index}`, `Pal ${index}`)));
    const room = await roomOf(ada, [ben, ...others], { name: "Choir" });
    const { page, faults } = await enter(browser, salon, ada, roomPath(room, "members"));
    const other = await enter(browser, salon, ben, roomPath(room, "members"));
    const search = panel(page).getByRole("searchbox");
    await search.fill("benedi");
    await panel(page).getByRole("heading", { name: "1 member" }).waitFor();
    await line(page, "Bénédicte").waitFor();
    await search.fill("@ada-pal3:");
    await line(page, "Pal 3").waitFor();
    await search.fill("nobody of this name");
    await panel(page).getByText("Nobody here goes by").waitFor();
    await search.fill("");

    await (await menuOf(page, "Bénédicte")).getByRole("menuitem", { name: "Make a moderator" }).click();
    await page.getByText("has a new role").waitFor();
    assert.equal(await levelOf(ada, room, ben.id), 50);
    await line(page, "Bénédicte").getByText("Moderator").waitFor();
    // Live, without a reload: who is a moderator now is offered what a moderator may do, but nothing against the founder.
    await panel(other.page).getByRole("button", { name: /What to do about .*Pal 3/ }).waitFor();
    assert.equal(await panel(other.page).getByRole("button", { name: /What to do about .*Ada/ }).count(), 0);
    const may = await menuOf(other.page, "Pal 3");
    assert.deepEqual(await may.getByRole("menuitem").allInnerTexts(), ["Remove from the room…", "Ban…"]);
    await other.page.keyboard.press("Escape");

    await (await menuOf(page, "Bénédicte")).getByRole("menuitem", { name: "Make an admin" }).click();
    await line(page, "Bénédicte").getByText("Admin", { exact: true }).waitFor();
    await (await menuOf(page, "Bénédicte")).getByRole("menuitem", { name: "Make a plain member" }).click();
    await line(page, "Bénédicte").getByText("Admin", { exact: true }).waitFor({ state: "detached" });
    assert.equal(await levelOf(ada, room, ben.id), 0);
    await panel(other.page).getByRole("button", { name: /What to do about/ }).first().waitFor({ state: "detached" });
    assert.deepEqual([...faults, ...other.faults], []);
  },

  "an admin makes another one only when they are sure": async ({ browser, salon }) => {
    const [cara, dov, eli] = [await person(salon, "cara", "Cara"), await person(salon, "dov", "Dov"), await person(salon, "eli", "Eli")];
    const room = await roomOf(cara, [dov, eli], { name: "Council" });
    const levels = await cara.call("GET", statePath(room, "m.room.power_levels"));
    await cara.call("PUT", statePath(room, "m.room.power_levels"), { ...levels, users: { ...levels.users, [dov.id]: 100 } });
    const { page, faults } = await enter(browser, salon, dov, roomPath(room, "members"));
    await (await menuOf(page, "Eli")).getByRole("menuitem", { name: "Make an admin" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await levelOf(cara, room, eli.id), 0);
    await (await menuOf(page, "Eli")).getByRole("menuitem", { name: "Make an admin" }).click();
    await dialog.getByRole("button").last().click();
    await line(page, "Eli").getByText("Admin", { exact: true }).waitFor();
    assert.equal(await levelOf(cara, room, eli.id), 100);
    // As strong as oneself: nothing is offered any more.
    assert.equal(await panel(page).getByRole("button", { name: /What to do about .*Eli/ }).count(), 0);
    assert.deepEqual(faults, []);
  },

  "somebody is banned with a reason, sees it, and is let back": async ({ browser, salon }) => {
    const [fay, gil] = [await person(salon, "fay", "Fay"), await person(salon, "gil", "Gil")];
    const room = await roomOf(fay, [gil], { name: "Market", preset: "public_chat" });
    const { page, faults } = await enter(browser, salon, fay, roomPath(room, "members"));
    const other = await enter(browser, salon, gil, roomPath(room), { size: "phone" });
    await (await menuOf(page, "Gil")).getByRole("menuitem", { name: "Ban…" }).click();
    await page.getByRole("dialog").getByRole("textbox").fill("Sells what isn’t theirs");
    await page.getByRole("dialog").getByRole("button", { name: "Ban" }).click();
    await panel(page).getByRole("heading", { name: "Banned" }).waitFor();
    await panel(page).getByText("Sells what isn’t theirs").waitFor();
    await other.page.getByText(/Fay.* banned you from this room/).first().waitFor();
    await other.page.getByText("Sells what isn’t theirs").first().waitFor();
    await other.page.getByText("unless the ban is lifted").waitFor();
    await (await menuOf(page, "Gil")).getByRole("menuitem", { name: /ban/i }).click();
    await panel(page).getByRole("heading", { name: "Banned" }).waitFor({ state: "detached" });
    await other.page.getByRole("button", { name: "Join again" }).click();
    await line(page, "Gil").waitFor();
    assert.deepEqual([...faults, ...other.faults], []);
  },

  "who asks to come in is refused, asks again, and is let in": async ({ browser, salon }) => {
    const [hal, ivy, jon] = [await person(salon, "hal", "Hal"), await person(salon, "ivy", "Ivy"), await person(salon, "jon", "Jon")];
    const room = await roomOf(hal, [jon], { name: "Reading circle", preset: "private_chat", room_version: "11" });
    await hal.call("PUT", statePath(room, "m.room.join_rules"), { join_rule: "knock" });
    const { page, faults } = await enter(browser, salon, hal, roomPath(room, "members"));
    // Whoever may invite but not remove may let people in, and can't refuse them.
    const plain = await enter(browser, salon, jon, roomPath(room, "members"));
    const knock = (reason) => ivy.call("POST", `/v3/knock/${encodeURIComponent(room)}`, { reason });
    await knock("I have read all of Proust");
    await panel(page).getByText("I have read all of Proust").waitFor();
    await panel(plain.page).getByRole("button", { name: "Let in" }).waitFor();
    assert.equal(await panel(plain.page).getByRole("button", { name: "Refuse" }).count(), 0);
    assert.deepEqual(await axe(page), []);
    await panel(page).getByRole("button", { name: "Refuse" }).click();
    await panel(page).getByRole("heading", { name: "Asks to join" }).waitFor({ state: "detached" });
    await knock("Please, all seven volumes");
    await panel(page).getByText("Please, all seven volumes").waitFor();
    await panel(page).getByRole("button", { name: "Let in" }).click();
    await panel(page).getByRole("heading", { name: "Invited" }).waitFor();
    await ivy.act(room, "join");
    await panel(page).getByRole("heading", { name: "3 members" }).waitFor();
    assert.deepEqual([...faults, ...plain.faults], []);
  },

  "several people are invited at once, by name and by ID, and one invitation is withdrawn": async ({ browser, salon }) => {
    const [kim, leo, mia] = [await person(salon, "kim", "Kim"), await person(salon, "leo-lion", "Leo"), await person(salon, "mia-mouse", "Mia")];
    const room = await roomOf(kim, [], { name: "Zoo" });
    const { page, faults } = await enter(browser, salon, kim, roomPath(room, "members"), { size: "phone" });
    await panel(page).getByRole("button", { name: "Invite people" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox").fill("leo-li");
    await dialog.getByRole("option").filter({ hasText: "Leo" }).click();
    await dialog.getByRole("combobox").fill(mia.id);
    await dialog.getByRole("option").filter({ hasText: "Mia" }).click();
    assert.deepEqual(await axe(page), []);
    assert.equal(await overflows(page), false);
    await dialog.getByRole("button", { name: "Invite 2 people" }).click();
    await dialog.waitFor({ state: "detached" });
    await panel(page).getByRole("heading", { name: "Invited · 2" }).waitFor();
    await (await menuOf(page, "Mia")).getByRole("menuitem", { name: "Withdraw the invitation" }).click();
    await panel(page).getByRole("heading", { name: "Invited", exact: true }).waitFor();
    const member = await kim.call("GET", statePath(room, "m.room.member", mia.id));
    assert.equal(member.membership, "leave");
    assert.deepEqual(faults, []);
  },

  "a plain member sees who is there, and nothing that they may not do": async ({ browser, salon }) => {
    const [nel, ole, pam] = [await person(salon, "nel", "Nel"), await person(salon, "ole", "Ole"), await person(salon, "pam", "Pam")];
    const room = await roomOf(nel, [ole, pam], { name: "Hall", topic: "Quiet, please", power_level_content_override: { invite: 50 } });
    await nel.act(room, "ban", { user_id: (await person(salon, "quo", "Quo")).id });
    await nel.say(room, "Welcome");
    const { page, faults } = await enter(browser, salon, ole, roomPath(room, "members"), { size: "phone", locale: "fr-FR", colorScheme: "dark" });
    for (const name of ["Nel", "Ole", "Pam"]) await line(page, name).waitFor();
    await panel(page).getByRole("heading", { name: "3 membres" }).waitFor();
    assert.equal(await panel(page).getByRole("button", { name: /Que faire|Inviter/ }).count(), 0);
    assert.equal(await panel(page).getByText("Quo").count(), 0);
    await line(page, "Pam").click();
    await panel(page).getByText("@pam:").waitFor();
    assert.equal(await panel(page).getByRole("button", { name: /Exclure|Bannir/ }).count(), 0);
    // A phone's own way back leads through the panels to the conversation.
    await page.goBack();
    await line(page, "Pam").waitFor();
    await page.goto(roomPath(room, "settings"));
    await panel(page).getByRole("heading", { name: "Hall" }).waitFor();
    assert.equal(await panel(page).getByRole("textbox").count(), 0);
    assert.equal(await panel(page).getByRole("combobox").count(), 0);
    assert.deepEqual(await axe(page), []);
    await page.goto(roomPath(room));
    await message(page, "Welcome").locator(".bubble").click({ button: "right" });
    assert.equal(await page.getByRole("menuitem", { name: /Supprimer|Modifier/ }).count(), 0);
    assert.deepEqual(faults, []);
  },
};
