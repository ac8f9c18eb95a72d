// Salon's web client, with a friend who lives on the other server.

import { enter, message, write } from "../../../web/tests/talk.mjs";
import { launch } from "../../../web/tests/browser.mjs";
import { PASSWORD } from "../../../web/tests/salon.mjs";
import { Person } from "./person.mjs";

/// Anna looks at a page of the web client, Bela lives on the other server.
async function two({ salon, synapse }, path, look) {
  const name = `look${Math.floor(performance.now())}`;
  const anna = await Person.register(salon, `anna${name}`, PASSWORD);
  const bela = await Person.register(synapse, `bela${name}`);
  const browser = await launch();
  try {
    const { page, faults } = await enter(browser, salon, { name: `anna${name}` }, path);
    await look({ anna, bela, page });
    if (faults.length > 0) throw new Error(`the page complains: ${faults}`);
  } finally {
    await browser.close();
  }
}

export const looks = {
  "in the web client, a friend on the other server asks and is accepted, and both talk": (servers) =>
    two(servers, "/friends/received", async ({ anna, bela, page }) => {
      const room = await bela.create({ preset: "private_chat", is_direct: true, invite: [anna.id] });
      await page.getByRole("button", { name: "Accept" }).click();
      await page.getByText("are friends now").waitFor();
      await bela.sync();
      await bela.seesMember(room, anna, "join");
      await bela.send(room, "hello from afar");
      await page.goto(`/room/${encodeURIComponent(room)}`);
      await message(page, "hello from afar").waitFor();
      await write(page, "hello from here");
      await bela.sees(room, "hello from here");
    }),

  "in the web client, a friend is asked on the other server, and accepts": (servers) =>
    two(servers, "/friends/add", async ({ anna, bela, page }) => {
      await page.getByRole("searchbox").fill(bela.id);
      const row = page.getByRole("list", { name: "People found" }).getByRole("listitem").first();
      await row.getByRole("button", { name: "Add", exact: true }).click();
      const room = await bela.wait("the request", () => [...bela.invites.keys()][0]);
      const invite = bela.invites.get(room).find((event) => event.state_key === bela.id);
      if (!invite.content.is_direct || invite.sender !== anna.id) throw new Error(JSON.stringify(invite));
      await bela.join(room);
      await page.getByText("Your friend already").waitFor();
    }),
};
