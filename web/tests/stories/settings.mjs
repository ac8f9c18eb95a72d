// The settings of a room, changed by one and seen by the other as they are, without a reload; and the ways out.
import assert from "node:assert/strict";
import { composer, enter, panel, person, roomOf, roomPath, statePath, timeline, write } from "../talk.mjs";
import { picture } from "../media.mjs";

/** Two people in a room: one who changes its settings, one who looks on. */
async function twoIn(browser, salon, names, options, screens = [{}, {}]) {
  const people = await Promise.all(names.map((name) => person(salon, name, name[0].toUpperCase() + name.slice(1))));
  const room = await roomOf(people[0], people.slice(1), options);
  const [one, other] = [await enter(browser, salon, people[0], roomPath(room, "settings"), screens[0]), await enter(browser, salon, people[1], roomPath(room), screens[1])];
  return { room, one, other };
}

const section = (page, name) => panel(page).getByRole("region", { name });

export const stories = {
  "name, topic and picture change for everybody at once": async ({ browser, salon }) => {
    const { room, one, other } = await twoIn(browser, salon, ["abel", "beth"], { name: "Old name" });
    await panel(one.page).getByRole("textbox", { name: "Name" }).fill("Tea & biscuits ☕");
    await panel(one.page).getByRole("textbox", { name: "Topic" }).fill("Every day at four\nBring your cup");
    await panel(one.page).getByRole("button", { name: "Save" }).click();
    await other.page.getByRole("heading", { name: "Tea & biscuits ☕", level: 1 }).waitFor();
    await other.page.getByText(/Every day at four/).first().waitFor();
    await panel(one.page).getByRole("button", { name: "Save" }).waitFor({ state: "detached" });

    await panel(one.page).locator("input[type=file]").setInputFiles({ name: "room.png", mimeType: "image/png", buffer: picture(300, 200) });
    await one.page.getByRole("dialog").getByRole("button", { name: "Use picture" }).click();
    await other.page.locator("header .avatar img").first().waitFor();
    // A picture is taken away with time to think.
    await panel(one.page).getByRole("button", { name: "Remove" }).click();
    await one.page.getByRole("button", { name: "Undo" }).click();
    await panel(one.page).locator(".avatar img").waitFor();
    await panel(one.page).getByRole("button", { name: "Remove" }).click();
    await other.page.locator("header .avatar img").first().waitFor({ state: "detached" });
    assert.equal((await one.person.call("GET", statePath(room, "m.room.name"))).name, "Tea & biscuits ☕");
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "a room gets an address and a place in the list, and gives them up": async ({ browser, salon }) => {
    const { room, one, other } = await twoIn(browser, salon, ["cedric", "doris"], { name: "Open house" });
    await one.person.createRoom({ preset: "public_chat", name: "First", room_alias_name: "taken" });
    const address = section(one.page, "Address");
    const field = address.getByRole("textbox");
    await field.fill("taken");
    await address.getByText("Another room has this address already").waitFor();
    assert.equal(await address.getByRole("button", { name: "Save" }).isDisabled(), true);
    await field.fill("open-house");
    await address.getByText("free").waitFor();
    await address.getByRole("button", { name: "Save" }).click();
    await address.getByText("#open-house:localhost").waitFor();
    // Its own address is no other room's.
    await one.page.reload();
    await address.getByText("#open-house:localhost").waitFor();
    await field.press("End");
    await one.page.waitForTimeout(800);
    assert.equal(await address.getByText("Another room has").count(), 0);
    assert.equal((await other.person.call("GET", `/v3/directory/room/${encodeURIComponent("#open-house:localhost")}`)).room_id, room);

    const who = section(one.page, "Who can come in");
    await who.getByText("Anybody", { exact: true }).click();
    await who.getByText("In the server’s list of rooms").click();
    await timeline(other.page).getByText(/2 settings were changed/).waitFor();
    await timeline(other.page).getByText(/2 settings were changed/).click();
    await timeline(other.page).getByText(/Cedric.* let anybody join/).waitFor();
    await other.page.goto("/explore");
    await other.page.getByRole("main").getByText("Open house").waitFor();
    await field.fill("");
    await address.getByRole("button", { name: "Save" }).click();
    await address.getByText("#open-house:localhost").waitFor({ state: "detached" });
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "who may do what is chosen, and shown to the other at once": async ({ browser, salon }) => {
    const { room, one, other } = await twoIn(browser, salon, ["egon", "frida"], { name: "Stage" });
    await composer(other.page).waitFor();
    const permissions = section(one.page, "Permissions");
    await permissions.getByRole("combobox", { name: "Write" }).selectOption({ label: "Moderators" });
    await other.page.getByText("You may read here, but not write").waitFor();
    await permissions.getByRole("combobox", { name: "Write" }).selectOption({ label: "Everybody" });
    await write(other.page, "Thank you!");
    await timeline(one.page).getByText("Thank you!").waitFor();
    await permissions.getByRole("combobox", { name: "Change the topic" }).selectOption({ label: "Everybody" });
    await other.page.goto(roomPath(room, "settings"));
    await panel(other.page).getByRole("textbox", { name: "Topic" }).fill("Frida’s topic");
    await panel(other.page).getByRole("button", { name: "Save" }).click();
    await one.page.getByText("Frida’s topic").first().waitFor();
    await section(one.page, "Who reads what was said before").getByText("Members, from when they joined").click();
    await section(other.page, "Who reads what was said before").getByText("Members, from when they joined").waitFor();
    const levels = await one.person.call("GET", statePath(room, "m.room.power_levels"));
    assert.deepEqual([levels.events["m.room.message"], levels.events["m.room.topic"]], [0, 0]);
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "what the server refuses goes back to what it was, and says so": async ({ browser, salon }) => {
    const gina = await person(salon, "gina", "Gina");
    const room = await roomOf(gina, [], { name: "Mine" });
    const { page } = await enter(browser, salon, gina, roomPath(room, "settings"), { locale: "fr-FR", colorScheme: "dark" });
    await page.route("**/state/m.room.join_rules/**", (route) => route.fulfill({ status: 403, json: { errcode: "M_FORBIDDEN", error: "No" } }));
    const who = section(page, "Qui peut entrer");
    await who.getByText("Tout le monde", { exact: true }).click();
    await page.getByRole("alert").or(page.getByRole("status")).filter({ hasText: /\p{L}/u }).first().waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll(".panel input[type=radio]:checked")].some((input) => input.value === "invite"));
    assert.equal((await gina.call("GET", statePath(room, "m.room.join_rules"))).join_rule, "invite");
  },

  "a room is left with time to think, or left and forgotten": async ({ browser, salon }) => {
    const { one, other } = await twoIn(browser, salon, ["hugo", "iris"], { name: "Corridor" }, [{}, { size: "phone" }]);
    const second = await roomOf(other.person, [one.person], { name: "Attic" });
    await one.page.getByText("Attic").first().waitFor();
    await panel(one.page).getByRole("button", { name: "Leave", exact: true }).click();
    await one.page.waitForURL(/\/rooms/);
    await one.page.getByRole("button", { name: "Undo" }).click();
    await one.page.getByText("Corridor").first().click();
    await one.page.getByRole("button", { name: "More", exact: true }).click();
    await one.page.getByRole("menuitem", { name: "Leave" }).click();
    // The other sees it in the conversation.
    await timeline(other.page).getByText(/Hugo.* left/).waitFor();
    await one.page.goto(roomPath(second, "settings"));
    await panel(one.page).getByRole("button", { name: "Leave and forget" }).click();
    await one.page.getByText("Attic").first().waitFor({ state: "detached" });
    await one.page.waitForFunction(async () => !document.body.innerText.includes("Attic"));
    assert.deepEqual([...one.faults, ...other.faults], []);
  },

  "a room that was moved says where it goes on, and the new one leads back": async ({ browser, salon }) => {
    const [jack, kira] = [await person(salon, "jack", "Jack"), await person(salon, "kira", "Kira")];
    const room = await roomOf(jack, [kira], { name: "Version eleven", room_version: "11" });
    await jack.say(room, "An old word");
    const { page, faults } = await enter(browser, salon, kira, roomPath(room), { size: "phone" });
    await timeline(page).getByText("An old word").waitFor();
    const { replacement_room: next } = await jack.act(room, "upgrade", { new_version: "12" });
    await page.getByText("This conversation goes on in a new room.").waitFor();
    assert.equal(await composer(page).count(), 0);
    await jack.act(next, "invite", { user_id: kira.id });
    await page.getByRole("link", { name: "Go there" }).last().click();
    await page.getByRole("button", { name: /Accept|Join/ }).first().click();
    await write(page, "Here I am");
    await timeline(page).getByText("Here I am").waitFor();
    await timeline(page).getByRole("link", { name: "What was said before" }).click();
    await timeline(page).getByText("An old word").waitFor();
    await page.getByText("This conversation goes on in a new room.").waitFor();
    await page.goBack();
    await timeline(page).getByText("Here I am").waitFor();
    assert.deepEqual(faults, []);
  },
};
