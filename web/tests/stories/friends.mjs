// Friends: asking and answering on both sides, live, and what goes wrong on the way.
import assert from "node:assert/strict";
import { axe, open, overflows } from "../browser.mjs";
import { PASSWORD, Person } from "../salon.mjs";
import { arrive } from "../talk.mjs";

/** Longer than what may be undone. */
const DONE_MS = 7_000;

const list = (page, name = "Friends") => page.getByRole("list", { name, exact: true });
const tab = (page, name) => page.getByRole("navigation", { name: "Friends" }).getByRole("link", { name });
const toUser = (id) => `/user/${encodeURIComponent(id)}`;

/** Finds somebody on the page to add friends; returns their row. */
async function find(page, term, name) {
  await page.goto("/friends/add");
  await page.getByRole("searchbox").fill(term);
  return list(page, "People found").getByRole("listitem").filter({ hasText: name });
}

/** Asks somebody as another client does. */
async function ask(from, to, reason) {
  const room = await from.createRoom({ preset: "private_chat", is_direct: true, ...(reason ? {} : { invite: [to.id] }) });
  const content = { membership: "invite", is_direct: true, reason };
  if (reason) await from.call("PUT", `/v3/rooms/${encodeURIComponent(room)}/state/m.room.member/${encodeURIComponent(to.id)}`, content);
  return room;
}

export const stories = {
  "two people become friends while both of them look": async ({ browser, salon }) => {
    const lea = await arrive(browser, salon, "lea", "/friends");
    const bob = await arrive(browser, salon, "bob", "/friends/received");
    await lea.page.getByText("No friends here yet").waitFor();
    const row = await find(lea.page, "bo", "bob");
    await row.getByRole("button", { name: "Add with a note" }).click();
    await lea.page.getByRole("textbox", { name: /Note/ }).fill("It’s Léa, from the choir");
    await lea.page.getByRole("button", { name: "Send" }).click();
    await lea.page.getByText("You have asked them").waitFor();
    await bob.page.getByText("It’s Léa, from the choir").waitFor();
    assert.match(await tab(bob.page, /Received/).innerText(), /1/);
    await bob.page.getByRole("button", { name: "Accept" }).click();
    await bob.page.getByText("are friends now").waitFor();
    await lea.page.getByText("Your friend already").waitFor();
    for (const [here, there] of [[lea, "bob"], [bob, "lea"]]) {
      await tab(here.page, "Friends").click();
      await list(here.page).getByText(there).waitFor();
      assert.deepEqual(here.faults, []);
    }
  },

  "a request is declined with time to think, and may be made again": async ({ browser, salon }) => {
    const dora = await arrive(browser, salon, "dora", "/friends/received");
    const emil = await Person.register(salon.url, "emil");
    await ask(emil, dora.person);
    await dora.page.getByRole("button", { name: "Decline" }).click();
    await dora.page.getByText("No open requests").waitFor();
    await dora.page.getByRole("button", { name: "Undo" }).click();
    await dora.page.getByRole("button", { name: "Decline" }).click();
    await dora.page.waitForTimeout(DONE_MS);
    await dora.page.reload();
    await dora.page.getByText("No open requests").waitFor();
    await ask(emil, dora.person, "Once more, please");
    await dora.page.getByText("Once more, please").waitFor();
    await dora.page.getByRole("button", { name: "Decline" }).click();
    // Closed before the time is over: declined at once.
    await dora.page.close();
    const page = await dora.context.newPage();
    await page.goto("/friends/received");
    await page.getByText("No open requests").waitFor();
    assert.deepEqual(dora.faults, []);
  },

  "a request that is taken back goes on the other side": async ({ browser, salon }) => {
    const fay = await arrive(browser, salon, "fay", "/friends");
    const gus = await arrive(browser, salon, "gus", "/friends/received");
    const row = await find(fay.page, gus.person.id, "gus");
    await row.getByRole("button", { name: "Add", exact: true }).click();
    await gus.page.getByRole("button", { name: "Accept" }).waitFor();
    await fay.page.goto("/friends/sent");
    await fay.page.getByRole("button", { name: "Ask again" }).click();
    await fay.page.getByText("was asked again").waitFor();
    await fay.page.getByRole("button", { name: "Take back" }).click();
    await fay.page.getByText("You are waiting for nobody").waitFor();
    await gus.page.getByText("No open requests").waitFor({ timeout: DONE_MS + 5_000 });
    assert.deepEqual([...fay.faults, ...gus.faults], []);
  },

  "who asks each other at once are friends": async ({ browser, salon }) => {
    const hal = await arrive(browser, salon, "hal", "/friends");
    const ida = await Person.register(salon.url, "ida");
    const row = await find(hal.page, ida.id, "ida");
    await row.getByRole("button", { name: "Add", exact: true }).click();
    await ask(ida, hal.person);
    await row.getByText("Your friend already").waitFor();
    assert.deepEqual(hal.faults, []);
  },

  "who was asked too is told so, and accepts where one looks for them": async ({ browser, salon }) => {
    const jan = await arrive(browser, salon, "jan", "/friends");
    const kim = await Person.register(salon.url, "kim");
    await ask(kim, jan.person);
    const row = await find(jan.page, "kim", "kim");
    await row.getByText("Has asked you too").waitFor();
    await row.getByRole("button", { name: "Accept" }).click();
    await row.getByText("Your friend already").waitFor();
    assert.deepEqual(jan.faults, []);
  },

  "who is blocked reaches nobody, until they are unblocked": async ({ browser, salon }) => {
    const liv = await arrive(browser, salon, "liv", "/friends/received");
    const moe = await Person.register(salon.url, "moe");
    await ask(moe, liv.person);
    await liv.page.getByRole("button", { name: /More about/ }).click();
    await liv.page.getByRole("menuitem", { name: "Block" }).click();
    await liv.page.getByRole("dialog").getByRole("button", { name: "Block" }).click();
    await liv.page.getByText("No open requests").waitFor();
    await ask(moe, liv.person);
    await liv.page.reload();
    await liv.page.getByText("No open requests").waitFor();
    await tab(liv.page, /Blocked/).click();
    await liv.page.getByRole("button", { name: /Unblock/ }).click();
    await liv.page.getByText("You have blocked nobody").waitFor();
    await ask(moe, liv.person, "Sorry");
    await tab(liv.page, /Received/).click();
    await liv.page.getByText("Sorry").waitFor();
    assert.deepEqual(liv.faults, []);
  },

  "a friendship ends on both sides": async ({ browser, salon }) => {
    const nia = await arrive(browser, salon, "nia", "/friends");
    const oli = await arrive(browser, salon, "oli", "/friends");
    const row = await find(nia.page, oli.person.id, "oli");
    await row.getByRole("button", { name: "Add", exact: true }).click();
    await tab(oli.page, /Received/).click();
    await oli.page.getByRole("button", { name: "Accept" }).click();
    await tab(oli.page, "Friends").click();
    await tab(nia.page, "Friends").click();
    await list(nia.page).getByText("oli").waitFor();
    await nia.page.getByRole("button", { name: /More about/ }).click();
    await nia.page.getByRole("menuitem", { name: "Remove from friends" }).click();
    await nia.page.getByText("No friends here yet").waitFor();
    await oli.page.getByText("No friends here yet").waitFor({ timeout: DONE_MS + 5_000 });
    assert.deepEqual([...nia.faults, ...oli.faults], []);
  },

  "a link leads through the login to whom it is about": async ({ browser, salon }) => {
    const pia = await Person.register(salon.url, "pia");
    await Person.register(salon.url, "quin");
    const { page, faults } = await open(browser, salon, { size: "phone", path: `/user/${pia.id}` });
    await page.locator("input[name=username]").fill("quin");
    await page.locator("input[name=password]").fill(PASSWORD);
    await page.locator("button[type=submit]").click();
    await page.waitForURL(/\/user\//);
    await page.getByRole("button", { name: "Add as friend" }).click();
    await page.getByText("They have not answered yet").waitFor();
    assert.deepEqual(faults, []);
  },

  "oneself, strangers and other servers get a kind word": async ({ browser, salon }) => {
    const ron = await arrive(browser, salon, "ron", "/friends/add");
    const field = ron.page.getByRole("searchbox");
    await field.fill(ron.person.id);
    await ron.page.getByText("That’s you.").waitFor();
    await field.fill("@nobody:localhost");
    await ron.page.getByText("There is nobody called @nobody:localhost.").waitFor();
    await field.fill("@somebody:elsewhere.example");
    await ron.page.getByText("elsewhere.example is another server").waitFor();
    await ron.page.goto(toUser("@nobody:localhost"));
    await ron.page.getByText("Nobody has this ID").waitFor();
    assert.deepEqual(ron.faults, []);
  },

  "somebody in a room gets another role, and is removed with a reason": async ({ browser, salon }) => {
    const sue = await arrive(browser, salon, "sue", "/rooms");
    const tim = await Person.register(salon.url, "tim");
    const room = await sue.person.createRoom({ name: "Garden", invite: [tim.id] });
    await tim.act(room, "join");
    await sue.page.goto(`/room/${encodeURIComponent(room)}?panel=${encodeURIComponent(`person/${tim.id}`)}`);
    const panel = sue.page.getByRole("complementary");
    await panel.getByText("Moderator").click();
    await sue.page.getByText("has a new role").waitFor();
    const levels = await tim.call("GET", `/v3/rooms/${encodeURIComponent(room)}/state/m.room.power_levels/`);
    assert.equal(levels.users[tim.id], 50);
    await panel.getByRole("button", { name: "Remove" }).click();
    const dialog = sue.page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("Too loud");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await sue.page.getByText("was removed").waitFor();
    const member = await sue.person.call("GET", `/v3/rooms/${encodeURIComponent(room)}/state/m.room.member/${encodeURIComponent(tim.id)}`);
    assert.deepEqual([member.membership, member.reason], ["leave", "Too loud"]);
    assert.deepEqual(sue.faults, []);
  },

  "friends please axe and fit on a desktop, full and empty, in both themes and languages": ({ browser, salon }) =>
    please(browser, salon, {
      vera: { size: "desktop", locale: "en-GB", colorScheme: "light" },
      wim: { size: "desktop", locale: "fr-FR", colorScheme: "dark" },
    }),

  "friends please axe and fit on a phone, full and empty, in both themes and languages": ({ browser, salon }) =>
    please(browser, salon, {
      xena: { size: "phone", locale: "fr-FR", colorScheme: "light" },
      yann: { size: "phone", locale: "en-GB", colorScheme: "dark" },
    }),
};

/** Looks at all pages of somebody new, and again once there is something on them. */
async function please(browser, salon, screens) {
  for (const [name, screen] of Object.entries(screens)) {
    const [friendly, troll] = [await Person.register(salon.url, `${name}-pal`), await Person.register(salon.url, `${name}-troll`)];
    await troll.call("PUT", `/v3/profile/${encodeURIComponent(troll.id)}/displayname`, { displayname: `\u202e${"W".repeat(200)}👩‍👩‍👧` });
    const { page, faults, person, context } = await arrive(browser, salon, name, "/friends", screen);
    const look = async () => {
      for (const path of ["/friends", "/friends/received", "/friends/sent", "/friends/blocked", "/friends/add", toUser(troll.id), toUser("@nobody:localhost")]) {
        await page.goto(path);
        await page.locator("main h1").waitFor();
        await page.waitForTimeout(400);
        assert.deepEqual(await axe(page), [], `${path} ${JSON.stringify(screen)}`);
        assert.equal(await overflows(page), false, `${path} is too wide: ${JSON.stringify(screen)}`);
      }
    };
    await look();
    await ask(troll, person, "spam ".repeat(60));
    await ask(person, friendly);
    await person.call("PUT", `/v3/user/${encodeURIComponent(person.id)}/account_data/m.ignored_user_list`, { ignored_users: { "@ghost:localhost": {} } });
    await look();
    assert.deepEqual(faults, []);
    await context.close();
  }
}
