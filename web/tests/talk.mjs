// What people do in a room, as the stories about rooms tell it.
import { logIn, open } from "./browser.mjs";
import { Person } from "./salon.mjs";

/** Somebody with an account, whom another program plays until they come in by a browser. */
export async function person(salon, name, displayname) {
  const someone = await Person.register(salon.url, name);
  if (displayname) await someone.call("PUT", `/v3/profile/${encodeURIComponent(someone.id)}/displayname`, { displayname });
  return someone;
}

/** Opens the client as somebody who has an account, at an address. */
export async function enter(browser, salon, someone, path = "/rooms", options = {}) {
  const opened = await open(browser, salon, options);
  await logIn(opened.page, someone.name);
  await opened.page.waitForURL(/\/rooms/);
  await opened.page.getByRole("navigation").first().waitFor();
  if (path !== "/rooms") await opened.page.goto(path);
  return { person: someone, ...opened };
}

/** Somebody new, who opens the client at an address. */
export async function arrive(browser, salon, name, path = "/rooms", options = {}) {
  return enter(browser, salon, await person(salon, name), path, options);
}

/** A room of one, with others in it. */
export async function roomOf(owner, others, options = {}) {
  const room = await owner.createRoom({ preset: "private_chat", invite: others.map(({ id }) => id), ...options });
  for (const other of others) await other.act(room, "join");
  return room;
}

export const roomPath = (room, panel) => `/room/${encodeURIComponent(room)}${panel ? `?panel=${encodeURIComponent(panel)}` : ""}`;

export const statePath = (room, type, key = "") => `/v3/rooms/${encodeURIComponent(room)}/state/${type}/${encodeURIComponent(key)}`;

export const composer = (page) => page.getByRole("textbox", { name: /^(Message to|Message pour)/ });

export async function write(page, text) {
  await composer(page).fill(text);
  // On a touch screen Enter breaks the line.
  await page.getByRole("button", { name: /^(Send|Envoyer|Save)$/ }).click();
}

export const timeline = (page) => page.getByRole("log");

/** The message that says a text, with all that belongs to it. */
export const message = (page, text) => timeline(page).getByRole("article").filter({ hasText: text }).first();

/** Opens the menu of a message and takes an entry. */
export async function choose(page, text, entry) {
  await message(page, text).locator(".bubble").click({ button: "right" });
  await page.getByRole("menuitem", { name: entry }).click();
}

/** What stands beside the conversation, or on a phone in its place: members, settings, somebody. */
export const panel = (page) => page.getByLabel(/^(Details|Détails)$/);
