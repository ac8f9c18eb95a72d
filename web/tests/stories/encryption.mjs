// Encrypted conversations: what two say is read by them alone, and on the next device with the recovery key.
import assert from "node:assert/strict";
import { axe, logIn, open, register } from "../browser.mjs";
import { Person } from "../salon.mjs";
import { arrive, composer, message, panel, roomPath, write } from "../talk.mjs";

/** The session that a page keeps, for requests beside it. */
async function beside(salon, page) {
  await page.getByRole("navigation").first().waitFor();
  const { userId, accessToken } = JSON.parse(await page.evaluate(() => localStorage.getItem("salon.session")));
  return Object.assign(new Person(salon.url), { id: userId, token: accessToken });
}

const ENCRYPTED = [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }];

export const stories = {
  "two browsers talk encrypted, and a new device reads it back with the recovery key": async ({ browser, salon }) => {
    const ann = await open(browser, salon);
    await register(ann.page, "encann");
    const bob = await open(browser, salon, { size: "phone" });
    await register(bob.page, "encbob");
    const [her, him] = [await beside(salon, ann.page), await beside(salon, bob.page)];
    const room = await her.createRoom({ preset: "private_chat", name: "Under the rose", invite: [him.id], initial_state: ENCRYPTED });
    await him.act(room, "join");

    // Before a device has keys, nothing can be written for it.
    await bob.page.getByRole("link", { name: "Make one" }).waitFor();

    // What one may lose is said, once, at the top; the key is shown and taken.
    await ann.page.getByRole("link", { name: "Make one" }).click();
    await ann.page.getByRole("button", { name: "Make a recovery key" }).click();
    const key = await ann.page.locator("code").filter({ hasText: /^Es/ }).textContent();
    await ann.page.getByRole("button", { name: "I have kept it" }).click();
    await ann.page.getByText("Your messages are safe").waitFor();

    await ann.page.goto(roomPath(room));
    await bob.page.goto(roomPath(room));
    await composer(ann.page).waitFor();
    await composer(bob.page).waitFor();
    await write(ann.page, "meet me at the bridge");
    await message(bob.page, "meet me at the bridge").waitFor();
    await write(bob.page, "at nine");
    await message(ann.page, "at nine").waitFor();
    const { chunk } = await her.call("GET", `/v3/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=2`);
    assert.deepEqual(chunk.map(({ type }) => type), ["m.room.encrypted", "m.room.encrypted"]);
    assert.ok(!JSON.stringify(chunk).includes("bridge"));

    // Reloaded, it is the same device with the same keys.
    await ann.page.reload();
    await message(ann.page, "meet me at the bridge").waitFor();

    for (const started = Date.now(); (await her.call("GET", "/v3/room_keys/version")).count < 2; await new Promise((resolve) => setTimeout(resolve, 200))) {
      assert.ok(Date.now() - started < 30_000, "the keys are not backed up");
    }
    const next = await open(browser, salon);
    await logIn(next.page, "encann");
    await next.page.getByRole("navigation").first().waitFor();
    await next.page.goto(roomPath(room));
    await next.page.getByText("Written before you signed in here").first().waitFor();
    await next.page.getByRole("link", { name: "Verify" }).click();
    await next.page.getByRole("textbox", { name: "Recovery key" }).fill("EsTc nonsense");
    await next.page.getByRole("button", { name: "Make readable" }).click();
    await next.page.getByText("This is not your recovery key").waitFor();
    await next.page.getByRole("textbox", { name: "Recovery key" }).fill(key);
    await next.page.getByRole("button", { name: "Make readable" }).click();
    await next.page.getByText("Your messages are safe").waitFor();
    await next.page.goto(roomPath(room));
    await message(next.page, "meet me at the bridge").waitFor();
    await message(next.page, "at nine").waitFor();
    await write(next.page, "I am back");
    await message(bob.page, "I am back").waitFor();
    assert.deepEqual([...ann.faults, ...bob.faults, ...next.faults], []);
  },

  "what friends say is encrypted from the first word, and an older conversation by one click": async ({ browser, salon }) => {
    const ann = await arrive(browser, salon, "sealann", "/friends/add");
    const bob = await arrive(browser, salon, "sealbob", "/friends/received", { size: "phone", locale: "fr-FR", colorScheme: "dark" });
    await ann.page.getByRole("searchbox").fill("sealbob");
    await ann.page.getByRole("list", { name: "People found" }).getByRole("button", { name: "Add", exact: true }).click();
    await bob.page.getByRole("button", { name: "Accepter" }).click();
    await ann.page.goto(`/user/${encodeURIComponent(bob.person.id)}`);
    await ann.page.getByRole("link", { name: "Message", exact: true }).click();
    await write(ann.page, "nobody else reads this");
    await ann.page.getByRole("button", { name: "Encrypted: what it means" }).click();
    await ann.page.getByRole("dialog").getByText("Only those who are in it can read").waitFor();
    assert.deepEqual(await axe(ann.page), []);
    await ann.page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    const room = decodeURIComponent(new URL(ann.page.url()).pathname.split("/")[2]);
    await bob.page.goto(roomPath(room));
    await message(bob.page, "nobody else reads this").waitFor();
    await bob.page.getByRole("button", { name: /^Chiffré/ }).click();
    await bob.page.getByRole("dialog", { name: "Conversation chiffrée" }).waitFor();
    const { chunk } = await bob.person.call("GET", `/v3/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=20`);
    assert.ok(chunk.some(({ type }) => type === "m.room.encrypted"));
    assert.ok(!JSON.stringify(chunk).includes("nobody else reads"));

    // One from before.
    const old = await ann.person.createRoom({ preset: "private_chat", name: "From before", invite: [bob.person.id] });
    await bob.person.act(old, "join");
    await ann.page.goto(roomPath(old, "settings"));
    await write(ann.page, "still open");
    await panel(ann.page).getByText("is not encrypted").waitFor();
    await panel(ann.page).getByRole("button", { name: "Encrypt from now on" }).click();
    assert.deepEqual(await axe(ann.page), []);
    await ann.page.getByRole("dialog").getByRole("button", { name: "Encrypt", exact: true }).click();
    await panel(ann.page).getByText("can be read by the members alone").waitFor();
    await write(ann.page, "from now on sealed");
    await bob.page.goto(roomPath(old));
    await message(bob.page, "still open").waitFor();
    await message(bob.page, "from now on sealed").waitFor();
    assert.deepEqual([...ann.faults, ...bob.faults], []);
  },

  "a new private room is encrypted unless one says otherwise, a public one never": async ({ browser, salon }) => {
    const ann = await arrive(browser, salon, "roomann", "/explore");
    const make = async (name, choose) => {
      await ann.page.getByRole("button", { name: "Create a room" }).first().click();
      const dialog = ann.page.getByRole("dialog");
      await dialog.getByRole("textbox", { name: "Name" }).fill(name);
      await choose?.(dialog);
      await dialog.getByRole("button", { name: "Create", exact: true }).click();
      await composer(ann.page).waitFor();
      const room = decodeURIComponent(new URL(ann.page.url()).pathname.split("/")[2]);
      const state = await ann.person.call("GET", `/v3/rooms/${encodeURIComponent(room)}/state`);
      await ann.page.goto("/explore");
      return state.some(({ type }) => type === "m.room.encryption");
    };
    assert.equal(await make("Sealed"), true);
    assert.equal(await make("Unsealed", (dialog) => dialog.getByRole("switch", { name: "Encrypted" }).click()), false);
    assert.equal(await make("Open to all", (dialog) => dialog.getByText("Everybody").click()), false);
    assert.deepEqual(ann.faults, []);
  },

  "a message whose key has not come says so, and asks again": async ({ browser, salon }) => {
    const ann = await arrive(browser, salon, "keyann", "/rooms", { size: "phone" });
    const bob = await Person.register(salon.url, "keybob");
    const room = await ann.person.createRoom({ preset: "private_chat", name: "No key", invite: [bob.id], initial_state: ENCRYPTED });
    await bob.act(room, "join");
    // Of a session that nobody has heard of.
    const sealed = { algorithm: ENCRYPTED[0].content.algorithm, ciphertext: "AwgAEnACgAkLmt6qF84IK++J7UDH2Za1YVchHyprqTqsg", session_id: "pbbxmtFQI6uTDJRpxNqCMZsXLVAJZ/hvUnvGZyQIP6U", sender_key: "QJqoxPoHZqDYdYXEdHuTDgMDbCqBCrKMfKWBfBAwJW8", device_id: "NOWHERE" };
    await ann.page.goto(roomPath(room));
    await composer(ann.page).waitFor();
    await bob.send(room, "m.room.encrypted", sealed);
    await ann.page.getByText("The key of this message has not arrived yet.").waitFor();
    await ann.page.getByRole("button", { name: "Ask again" }).click();
    await ann.page.getByText("The key has not come yet.").waitFor();
    assert.deepEqual(await axe(ann.page), []);
    assert.deepEqual(ann.faults, []);
  },

  "one tab has the keys, another says so and takes them": async ({ browser, salon }) => {
    const ann = await open(browser, salon);
    await register(ann.page, "enctabs");
    const her = await beside(salon, ann.page);
    const room = await her.createRoom({ preset: "private_chat", name: "Two tabs", initial_state: ENCRYPTED });
    await ann.page.goto(roomPath(room));
    await write(ann.page, "from the first tab");
    await message(ann.page, "from the first tab").waitFor();
    const sent = async () => (await her.call("GET", `/v3/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=1`)).chunk[0].type;
    for (const started = Date.now(); (await sent()) !== "m.room.encrypted"; ) assert.ok(Date.now() - started < 30_000, "it was not sent");
    const second = await ann.context.newPage();
    await second.goto(roomPath(room));
    await second.getByRole("button", { name: "Use this tab" }).click();
    await message(second, "from the first tab").waitFor();
    await write(second, "from the second tab");
    await message(second, "from the second tab").waitFor();
    await ann.page.getByRole("button", { name: "Use this tab" }).waitFor();
    assert.deepEqual(ann.faults, []);
  },
};
