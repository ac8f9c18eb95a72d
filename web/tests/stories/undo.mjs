// What may be taken back for five seconds is done at once when the page is closed before: by leaving it, and by closing the tab.
import assert from "node:assert/strict";
import { choose, enter, message, panel, person, roomOf, roomPath, statePath } from "../talk.mjs";

/** Waits until the server says so. */
async function until(what, look) {
  for (const end = Date.now() + 10_000; !(await look()); await new Promise((resolve) => setTimeout(resolve, 100))) {
    assert.ok(Date.now() < end, `it never came about: ${what}`);
  }
}

const membership = async (someone, room, of) => (await someone.call("GET", statePath(room, "m.room.member", of.id))).membership;

/** Two ways to be gone. */
const LEAVINGS = { "closing the tab": (page) => page.close(), "another page": (page) => page.goto("about:blank") };

export const stories = Object.fromEntries(
  Object.entries(LEAVINGS).map(([how, leave], index) => [
    `what may be undone is done at once by ${how}`,
    async ({ browser, salon }) => {
      const [una, udo] = [await person(salon, `una${index}`, "Una"), await person(salon, `udo${index}`, "Udo")];
      const room = await roomOf(una, [udo], { name: "Short stay" });
      const invited = await udo.createRoom({ preset: "private_chat", name: "No thanks", invite: [una.id] });
      const said = await una.say(room, "Never said");
      const opened = await enter(browser, salon, una, roomPath(room));
      await message(opened.page, "Never said").waitFor();
      await choose(opened.page, "Never said", "Delete");
      await opened.page.getByRole("button", { name: "Undo" }).waitFor();
      await leave(opened.page);
      await until("the message is deleted", async () => {
        const event = await udo.call("GET", `/v3/rooms/${encodeURIComponent(room)}/event/${encodeURIComponent(said)}`);
        return event.unsigned?.redacted_because !== undefined;
      });

      const second = await opened.context.newPage();
      await second.goto("/rooms");
      await second.getByRole("button", { name: "Decline" }).click();
      await second.getByRole("button", { name: "Undo" }).waitFor();
      await leave(second);
      await until("the invitation is declined", async () => (await membership(udo, invited, una)) === "leave");

      const third = await opened.context.newPage();
      await third.goto(roomPath(room, "settings"));
      await panel(third).getByRole("button", { name: "Leave", exact: true }).click();
      await third.getByRole("button", { name: "Undo" }).waitFor();
      await leave(third);
      await until("the room is left", async () => (await membership(udo, room, una)) === "leave");
      assert.deepEqual(opened.faults, []);
    },
  ]),
);
