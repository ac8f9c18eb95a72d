// Makes web/screenshots: every screen in both sizes and themes, of a small site with some life in it. node screenshots.mjs BINARY
import { mkdir, rm, writeFile } from "node:fs/promises";
import { launch, logIn, open } from "./browser.mjs";
import { PASSWORD, Person, Salon } from "./salon.mjs";

const LOOKS = [
  ["desktop", "light", "en-GB"],
  ["desktop", "dark", "fr-FR"],
  ["phone", "light", "fr-FR"],
  ["phone", "dark", "en-GB"],
];
/** Until pictures and fonts have settled, ms. */
const SETTLED_MS = 1_500;

/** Of WebP's: letters stay sharp, and a picture weighs a fifth of what it does as PNG. */
const QUALITY = 0.82;

const folder = new URL("../screenshots/", import.meta.url).pathname;
const salon = await Salon.start(process.argv[2]);

async function person(name, displayname) {
  const someone = await Person.register(salon.url, name);
  await someone.call("PUT", `/v3/profile/${encodeURIComponent(someone.id)}/displayname`, { displayname });
  return someone;
}

/** A conversation that both take for one between friends. */
async function befriend(one, other) {
  const room = await one.createRoom({ preset: "private_chat", is_direct: true, invite: [other.id] });
  await other.act(room, "join");
  for (const [me, them] of [[one, other], [other, one]]) {
    const path = `/v3/user/${encodeURIComponent(me.id)}/account_data/m.direct`;
    const direct = await me.call("GET", path).catch(() => ({}));
    await me.call("PUT", path, { ...direct, [them.id]: [room] });
  }
  return room;
}

const [alice, bob, eve, max, zoe] = [
  await person("alice", "Alice Laurent"),
  await person("bob", "Bob Martin"),
  await person("eve", "Ève Dubois"),
  await person("max", "Max Okafor"),
  await person("zoe", "Zoé"),
];
const withEve = await befriend(alice, eve);
await eve.say(withEve, "Are you coming on Saturday?");
await alice.say(withEve, "Of course! I'll bring the lemon cake 🍋");
await befriend(max, alice);
await zoe.createRoom({ preset: "private_chat", is_direct: true, invite: [alice.id] });
const garden = await bob.createRoom({
  preset: "public_chat",
  name: "Garden club",
  topic: "What grows, and when. Bring seeds on Saturday!",
  room_alias_name: "garden",
  visibility: "public",
});
for (const member of [alice, eve, max]) await member.act(garden, "join");
await bob.createRoom({ preset: "public_chat", name: "Cinéma du jeudi", topic: "One film a week", room_alias_name: "cinema", visibility: "public" });
await bob.say(garden, "Hello everyone, the tomatoes are in!");
await eve.say(garden, "Lovely. Which kind did you choose?");
const kind = await bob.say(garden, "Black Krim, and a row of cherry tomatoes.\nThe seedlings were a bit leggy, so I buried the stems.");
await eve.send(garden, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: kind, key: "👍" } });
await alice.say(garden, "I have basil to share, about twenty small pots.");
await max.say(garden, "🌱🌿");
await max.send(garden, "m.room.message", {
  msgtype: "m.text",
  body: "Use compost, not fertiliser: two buckets, once a month",
  format: "org.matrix.custom.html",
  formatted_body: "Use <code>compost</code>, <strong>not</strong> <em>fertiliser</em>:<ul><li>two buckets</li><li>once a month</li></ul>",
  "m.relates_to": { "m.in_reply_to": { event_id: kind } },
});

const room = `/room/${encodeURIComponent(garden)}`;
const SCREENS = {
  rooms: "/rooms",
  room,
  members: `${room}?panel=members`,
  settings: `${room}?panel=settings`,
  friends: "/friends",
  requests: "/friends/received",
  explore: "/explore",
  profile: "/profile",
  appearance: "/profile/appearance",
};

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const browser = await launch();
/** Chromium writes no WebP by itself, but its pages do. */
const studio = await browser.newPage();

async function webp(png) {
  const base64 = await studio.evaluate(
    async ([picture, quality]) => {
      const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/webp", quality })).arrayBuffer());
      return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    },
    [png.toString("base64"), QUALITY],
  );
  return Buffer.from(base64, "base64");
}

for (const [size, colorScheme, locale] of LOOKS) {
  const { page, context } = await open(browser, salon, { size, colorScheme, locale });
  // Who has a browser for a while has answered the question about recovery keys, one way or another.
  await context.addInitScript(() => localStorage.setItem("salon.recovery.later", String(Date.now() + 86_400_000)));
  const shoot = async (name) => {
    await page.waitForTimeout(SETTLED_MS);
    await writeFile(`${folder}${name}-${size}-${colorScheme}.webp`, await webp(await page.screenshot()));
  };
  for (const path of ["login", "register"]) {
    await page.goto(`/${path}`);
    await shoot(path);
  }
  await logIn(page, "alice", PASSWORD);
  await page.waitForURL(/\/rooms/);
  await page.getByText("Garden club").first().waitFor();
  for (const [name, path] of Object.entries(SCREENS)) {
    await page.goto(path);
    await page.locator("#app > *").first().waitFor();
    await shoot(name);
  }
  await context.close();
}
await browser.close();
await salon.stop();
