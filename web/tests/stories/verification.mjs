// Who is who: sessions and people compare emoji, with each other and with another client's program, in both directions.
import assert from "node:assert/strict";
import { axe, logIn, open } from "../browser.mjs";
import { Element, until } from "../element.mjs";
import { nameOf } from "../sas.mjs";
import { arrive, message, panel, person, roomPath, write } from "../talk.mjs";

const dialog = (page) => page.getByRole("dialog");
const press = (page, name) => dialog(page).getByRole("button", { name, exact: true }).click();

/** The names of the emoji in the window, once they are there. */
async function shown(page) {
  await dialog(page).getByRole("listitem").first().waitFor();
  return dialog(page).getByRole("listitem").locator(".name").allInnerTexts();
}

/** Two who are friends in an encrypted conversation. */
async function befriend(one, other) {
  const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
  const room = await one.createRoom({ preset: "private_chat", is_direct: true, invite: [other.id], initial_state: [encryption] });
  await other.act(room, "join");
  for (const [me, them] of [[one, other], [other, one]]) {
    await me.call("PUT", `/v3/user/${encodeURIComponent(me.id)}/account_data/m.direct`, { [them.id]: [room] });
  }
  return room;
}

export const stories = {
  "a friend with another client is verified by emoji, whoever asks, and a new identity is warned about": async ({ browser, salon }) => {
    const eve = await person(salon, "vereve", "Eve");
    const ann = await arrive(browser, salon, "verann");
    const theirs = await Element.open(salon, eve, { identity: true });
    const room = await befriend(ann.person, eve);
    await ann.page.goto(roomPath(room, `person/${eve.id}`));
    await panel(ann.page).getByText("Not verified").waitFor();
    await until("Eve is in the room", () => theirs.client.getRoom(room));

    // Ann asks.
    await panel(ann.page).getByRole("button", { name: "Verify", exact: true }).click();
    await dialog(ann.page).getByText(/Waiting for .*Eve/).waitFor();
    const emoji = theirs.emoji(await theirs.request());
    const [here, there] = [await shown(ann.page), await emoji];
    assert.equal(here.length, 7);
    assert.deepEqual(here.map((name) => name.toLowerCase()), there.map((name) => nameOf(name)));
    assert.deepEqual(await axe(ann.page), []);
    await Promise.all([press(ann.page, "They match"), theirs.sas.confirm()]);
    await dialog(ann.page).getByText(/You have verified .*Eve/).waitFor();
    await dialog(ann.page).getByRole("button", { name: "Close" }).last().click();
    await panel(ann.page).getByText("Verified", { exact: true }).waitFor();
    await until("Eve sees it too", async () => (await theirs.crypto.getUserVerificationStatus(ann.person.id)).isCrossSigningVerified());

    // Eve asks; the emoji differ for Ann.
    const request = await theirs.crypto.requestVerificationDM(ann.person.id, room);
    await dialog(ann.page).getByText(/would like to verify you/).waitFor();
    await press(ann.page, "Go on");
    await theirs.emoji(request, { begins: true });
    await shown(ann.page);
    await press(ann.page, "They don’t match");
    await dialog(ann.page).getByText("The emoji did not match").waitFor();
    await until("Eve learns of it", () => request.phase === 5);
    await dialog(ann.page).getByRole("button", { name: "Close" }).last().click();

    // Eve asks and thinks better of it; asks again, and Ann has no time.
    const short = await theirs.crypto.requestVerificationDM(ann.person.id, room);
    await dialog(ann.page).getByText(/would like to verify you/).waitFor();
    await short.cancel();
    await dialog(ann.page).getByText("The other side stopped.").waitFor();
    await dialog(ann.page).getByRole("button", { name: "Close" }).last().click();
    const late = await theirs.crypto.requestVerificationDM(ann.person.id, room);
    await dialog(ann.page).getByText(/would like to verify you/).waitFor();
    await press(ann.page, "Not now");
    await until("Eve learns of it", () => late.phase === 5);

    // Eve begins anew: it is said, where one writes and beside the conversation, and stops nobody.
    const anew = await Element.open(salon, eve, { identity: true });
    await ann.page.getByText(/Eve.* is no longer verified/).waitFor();
    await panel(ann.page).getByText("Identity changed").waitFor();
    assert.deepEqual(await axe(ann.page), []);
    await until("Eve is in the room again", () => anew.client.getRoom(room));
    await write(ann.page, "is it you?");
    await until("Eve reads it", () => anew.reads(room, "is it you?"));
    await ann.page.getByRole("button", { name: "I understand" }).first().click();
    await panel(ann.page).getByText("Not verified").waitFor();
    await ann.page.getByText(/Eve.* is no longer verified/).waitFor({ state: "detached" });
    for (const one of [theirs, anew]) one.stop();
    assert.deepEqual(ann.faults, []);
  },

  "a new session is verified by another one's emoji, and then reads what was said before": async ({ browser, salon }) => {
    const ann = await arrive(browser, salon, "ownann", "/profile/encryption");
    await ann.page.getByRole("button", { name: "Make a recovery key" }).click();
    await ann.page.getByRole("button", { name: "I have kept it" }).click();
    const bob = await person(salon, "ownbob", "Bob");
    const room = await befriend(ann.person, bob);
    await ann.page.goto(roomPath(room));
    await write(ann.page, "long ago");
    await message(ann.page, "long ago").waitFor();
    await until("the key is backed up", async () => (await ann.person.call("GET", "/v3/room_keys/version")).count > 0);

    const next = await open(browser, salon, { size: "phone", locale: "fr-FR", colorScheme: "dark" });
    await logIn(next.page, "ownann");
    await next.page.getByRole("navigation").first().waitFor();
    await next.page.getByRole("link", { name: "Vérifier" }).click();
    await next.page.getByRole("button", { name: "Vérifier" }).click();
    await dialog(next.page).getByText("acceptez-y").waitFor();
    await dialog(ann.page).getByText("Is it you who is signing in?").waitFor();
    await press(ann.page, "Go on");
    const [here, there] = [await shown(ann.page), await shown(next.page)];
    assert.deepEqual(here.map((name) => nameOf(name)), there.map((name) => nameOf(name)));
    assert.deepEqual(await axe(next.page), []);
    await Promise.all([press(ann.page, "They match"), press(next.page, "Ils correspondent")]);
    await dialog(ann.page).getByText("can read your messages").waitFor();
    await dialog(next.page).getByText("reconnue comme la vôtre").waitFor();
    await dialog(next.page).getByRole("button", { name: "Fermer" }).last().click();
    await next.page.getByText("Vos messages sont à l’abri").waitFor();
    await next.page.goto(roomPath(room));
    await message(next.page, "long ago").waitFor();
    assert.deepEqual([...ann.faults, ...next.faults], []);
  },

  "sessions say whether they are verified, and another client's is, from either side": async ({ browser, salon }) => {
    const ann = await arrive(browser, salon, "sesann", "/profile/sessions");
    const theirs = await Element.open(salon, ann.person);
    await ann.page.reload();
    const row = ann.page.getByRole("listitem").filter({ hasText: theirs.device });
    await row.getByText("Not verified").waitFor();
    await row.getByRole("button", { name: /^Verify/ }).click();
    const emoji = theirs.emoji(await theirs.request());
    const [here, there] = [await shown(ann.page), await emoji];
    assert.deepEqual(here.map((name) => nameOf(name)), there.map((name) => nameOf(name)));
    await Promise.all([press(ann.page, "They match"), theirs.sas.confirm()]);
    await dialog(ann.page).getByText("The other session is known as yours").waitFor();
    await dialog(ann.page).getByRole("button", { name: "Close" }).last().click();
    await row.getByText("Verified", { exact: true }).waitFor();
    assert.deepEqual(await axe(ann.page), []);

    // A third one asks by itself.
    const third = await Element.open(salon, ann.person);
    await until("it knows whose it is", () => third.crypto.userHasCrossSigningKeys(ann.person.id, true));
    const request = await third.crypto.requestOwnUserVerification();
    await dialog(ann.page).getByText("Is it you who is signing in?").waitFor();
    await press(ann.page, "Go on");
    await third.emoji(request, { begins: true });
    await shown(ann.page);
    await Promise.all([press(ann.page, "They match"), third.sas.confirm()]);
    await dialog(ann.page).getByText("The other session is known as yours").waitFor();
    await until("it has the keys", async () => (await third.crypto.getCrossSigningStatus()).privateKeysCachedLocally.selfSigningKey);
    for (const one of [theirs, third]) one.stop();
    assert.deepEqual(ann.faults, []);
  },
};
