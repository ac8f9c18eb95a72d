// What becomes of a message: answered, reacted to, changed, deleted, read, reported, linked to, held back and sent again.
import assert from "node:assert/strict";
import { axe, overflows } from "../browser.mjs";
import { choose, composer, enter, message, person, roomOf, roomPath, timeline, write } from "../talk.mjs";

/** Two people who look at the room that they share. */
async function talk(browser, salon, names, screens = [{}, {}], options = {}) {
  const [one, other] = await Promise.all(names.map((name) => person(salon, name, name[0].toUpperCase() + name.slice(1))));
  const room = await roomOf(one, [other], { name: "Kitchen", ...options });
  return { room, one: await enter(browser, salon, one, roomPath(room), screens[0]), other: await enter(browser, salon, other, roomPath(room), screens[1]) };
}

const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

/** Says many things at once, in order. */
async function sayMany(someone, room, count, word = "line") {
  for (let index = 0; index < count; index += 1) await someone.say(room, `${word} ${index}`);
}

export const stories = {
  "a message is answered with its quote, reacted to, changed and deleted, and both see it": async ({ browser, salon }) => {
    const { one, other } = await talk(browser, salon, ["anja", "bert"]);
    await write(one.page, "Who brings the bread?");
    await message(other.page, "Who brings the bread?").hover();
    await message(other.page, "Who brings the bread?").getByRole("button", { name: "Reply" }).click();
    await other.page.getByText("Reply to").waitFor();
    await write(other.page, "I do");
    const answer = message(one.page, "I do");
    await answer.getByRole("button", { name: /Who brings the bread/ }).waitFor();

    await choose(one.page, "I do", /React with 👍/);
    await answer.getByTitle(/^You: 👍/).waitFor();
    const chip = message(other.page, "I do").getByRole("button", { name: /👍/ });
    await chip.click();
    await answer.getByTitle(/Bert.*: 👍/).getByText("2").waitFor();
    await choose(one.page, "I do", "Who reacted");
    await one.page.getByRole("dialog").getByText("Bert").waitFor();
    assert.deepEqual(await axe(one.page), []);
    await one.page.keyboard.press("Escape");
    await chip.click();
    await answer.getByRole("button", { name: /👍/ }).getByText("1").waitFor();

    await choose(other.page, "I do", "Edit");
    await write(other.page, "I do, and butter");
    await message(one.page, "I do, and butter").getByText("(edited)").waitFor();
    // Deleted with time to think, then for good.
    await choose(other.page, "I do, and butter", "Delete");
    await other.page.getByRole("button", { name: "Undo" }).click();
    await message(other.page, "I do, and butter").waitFor();
    await choose(other.page, "I do, and butter", "Delete");
    await message(one.page, "Message deleted").waitFor();
    await message(one.page, "I do, and butter").waitFor({ state: "detached" });
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "who has read a message is told, and a message can be reported": async ({ browser, salon }) => {
    const { one, other } = await talk(browser, salon, ["cleo", "dirk"], [{}, { size: "phone" }]);
    await write(one.page, "Read me");
    await message(other.page, "Read me").waitFor();
    await timeline(one.page).getByRole("button", { name: /Read by .*Dirk/ }).click();
    await one.page.getByRole("dialog").getByText("Dirk").waitFor();
    await one.page.keyboard.press("Escape");

    // A server that takes no reports: said in words.
    await other.page.route("**/report/**", (route) => route.fulfill({ status: 404, json: { errcode: "M_UNRECOGNIZED", error: "Unrecognized request" } }));
    await choose(other.page, "Read me", "Report");
    const dialog = other.page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("It is rude");
    await dialog.getByRole("button", { name: "Report" }).click();
    await dialog.getByText("This server takes no reports about messages").waitFor();
    assert.deepEqual(await axe(other.page), []);
    await other.page.unroute("**/report/**");
    const answer = other.page.waitForResponse(/\/report\//);
    await dialog.getByRole("button", { name: "Report" }).click();
    await other.page.getByText("The report was sent").waitFor();
    assert.equal((await answer).request().postDataJSON().reason, "It is rude");
    // A room is reported from its menu.
    await other.page.getByRole("button", { name: "More", exact: true }).click();
    await other.page.getByRole("menuitem", { name: "Report the room" }).click();
    await dialog.getByRole("textbox").fill("All of it is rude");
    await dialog.getByRole("button", { name: "Report" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "a link leads to a message far in the past, and back to the newest": async ({ browser, salon }) => {
    const { room, one, other } = await talk(browser, salon, ["elsa", "fred"], [{}, { size: "phone" }]);
    const first = await one.person.say(room, "Where it all began");
    await sayMany(one.person, room, 150);
    await choose(one.page, "line 149", "Copy link");
    assert.match(await clipboard(one.page), /^https:\/\/matrix\.to\/#\/!.+\/%24.+via=localhost$/);
    // The same link, as a message, leads there without leaving the app; so does the address.
    await other.person.say(room, `Remember https://matrix.to/#/${encodeURIComponent(room)}/${encodeURIComponent(first)}?via=localhost ?`);
    await message(one.page, "Remember").getByRole("link").click();
    await message(one.page, "Where it all began").waitFor();
    await one.page.waitForURL(/%24/);
    await one.page.waitForFunction(() => document.activeElement?.textContent?.includes("Where it all began"));
    await one.page.getByRole("button", { name: /newest/i }).click();
    await message(one.page, "Remember").waitFor();
    await timeline(one.page).getByText("Where it all began").waitFor({ state: "detached" });
    // And there once more.
    await message(one.page, "Remember").getByRole("link").click();
    await message(one.page, "Where it all began").waitFor();

    await other.page.goto(`${roomPath(room)}/${encodeURIComponent(first)}`);
    await message(other.page, "Where it all began").waitFor();
    await message(other.page, "line 10").waitFor({ state: "attached" });
    await other.page.getByRole("button", { name: /newest/i }).click();
    await message(other.page, "Remember").waitFor();
    // One that isn't there.
    await other.page.goto(`${roomPath(room)}/${encodeURIComponent("$nothing")}`);
    await other.page.getByText("This message can’t be found").waitFor();
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "what came meanwhile stands below a mark, and is counted while one reads above": async ({ browser, salon }) => {
    const { room, one } = await talk(browser, salon, ["gerd", "hana"]);
    const hana = await person(salon, "hana-phone", "Hana P");
    await one.person.act(room, "invite", { user_id: hana.id });
    await hana.act(room, "join");
    await sayMany(hana, room, 60, "before");
    await message(one.page, "before 59").waitFor();
    await one.page.waitForTimeout(1_500); // It is seen.
    await timeline(one.page).hover();
    await one.page.mouse.wheel(0, -1_500);
    await one.page.getByRole("button", { name: "To the newest message" }).waitFor();
    await sayMany(hana, room, 3, "after");
    await one.page.getByRole("button", { name: "To 3 new messages" }).click();
    await message(one.page, "after 2").waitFor();
    await one.page.getByRole("button", { name: /newest|new messages/ }).waitFor({ state: "detached" });
    // Away, and back: the mark stands above what came.
    await one.page.goto("/friends");
    await hana.say(room, "while you were out");
    await one.page.goto(roomPath(room));
    await timeline(one.page).getByText("New messages").waitFor();
    const above = await timeline(one.page).getByText("New messages").boundingBox();
    const below = await message(one.page, "while you were out").boundingBox();
    assert.ok(above.y < below.y);
    assert.deepEqual(one.faults, []);
  },

  "a message that the server refuses can be sent again or thrown away": async ({ browser, salon }) => {
    const { one, other } = await talk(browser, salon, ["ilse", "jens"], [{ size: "phone", colorScheme: "dark" }, {}]);
    await composer(one.page).waitFor();
    await one.page.route("**/send/m.room.message/**", (route) => route.fulfill({ status: 403, json: { errcode: "M_FORBIDDEN", error: "No" } }));
    await write(one.page, "First try");
    const failed = message(one.page, "First try");
    await failed.getByRole("alert").getByText("Not sent").waitFor();
    await write(one.page, "Never mind");
    await message(one.page, "Never mind").getByRole("button", { name: "Discard" }).click();
    await message(one.page, "Never mind").waitFor({ state: "detached" });
    assert.deepEqual(await axe(one.page), []);
    assert.equal(await overflows(one.page), false);
    // Neither is lost by a reload.
    await one.page.reload();
    await failed.getByRole("alert").waitFor();
    await one.page.unroute("**/send/m.room.message/**");
    await failed.getByRole("button", { name: "Send again" }).click();
    await message(other.page, "First try").waitFor();
    await failed.getByRole("alert").waitFor({ state: "detached" });
    assert.equal(await timeline(other.page).getByText("First try").count(), 1);
    assert.deepEqual(one.faults, []);
  },

  "without a network messages wait, in their order, and go when it is back": async ({ browser, salon }) => {
    const { one, other } = await talk(browser, salon, ["kurt", "lola"]);
    await write(one.page, "Still here");
    await message(other.page, "Still here").waitFor();
    await one.context.setOffline(true);
    await write(one.page, "In the tunnel");
    await write(one.page, "Still in the tunnel");
    await one.page.getByText("can’t be reached").first().waitFor();
    await message(one.page, "Still in the tunnel").waitFor();
    assert.equal(await one.page.getByText("Not sent").count(), 0);
    await one.context.setOffline(false);
    await message(other.page, "Still in the tunnel").waitFor({ timeout: 30_000 });
    const said = await timeline(other.page).getByRole("article").allInnerTexts();
    const at = (text) => said.findIndex((one) => one.split("\n").includes(text));
    assert.ok(at("Still here") < at("In the tunnel") && at("In the tunnel") < at("Still in the tunnel"), said.join("|"));
    await one.page.getByText("can’t be reached").first().waitFor({ state: "detached" });
    assert.deepEqual(other.faults, []);
  },
};
