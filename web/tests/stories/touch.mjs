// What fingers do on a phone: they rest, scroll, pinch and swipe; back leads where people expect, and no field is zoomed to.
import assert from "node:assert/strict";
import { overflows } from "../browser.mjs";
import { picture } from "../media.mjs";
import { composer, enter, message, person, roomOf, roomPath, timeline } from "../talk.mjs";

/** The fingers of one hand, on a page. */
class Fingers {
  static async on({ page, context }) {
    return Object.assign(new Fingers(), { page, cdp: await context.newCDPSession(page) });
  }

  touch(type, points) {
    return this.cdp.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  }

  /** Moves the fingers from some points to others, in a few steps. */
  async move(from, to, steps = 8) {
    await this.touch("touchStart", from);
    for (let step = 1; step <= steps; step += 1) {
      await this.touch("touchMove", from.map(([x, y], finger) => [x + ((to[finger][0] - x) * step) / steps, y + ((to[finger][1] - y) * step) / steps]));
      await this.page.waitForTimeout(16);
    }
    await this.touch("touchEnd", []);
  }

  async rest([x, y]) {
    await this.touch("touchStart", [[x, y]]);
    await this.page.waitForTimeout(700);
    await this.touch("touchEnd", []);
  }
}

const middle = async (locator) => {
  const { x, y, width, height } = await locator.boundingBox();
  return [x + width / 2, y + height / 2];
};

export const stories = {
  "a finger that rests opens what can be done, one that moves scrolls": async ({ browser, salon }) => {
    const [mia, noa] = [await person(salon, "mia-t", "Mia"), await person(salon, "noa-t", "Noa")];
    const room = await roomOf(mia, [noa], { name: "Fingers" });
    for (let index = 0; index < 40; index += 1) await noa.say(room, `line ${index}`);
    const opened = await enter(browser, salon, mia, "/rooms", { size: "phone" });
    const { page, faults } = opened;
    const fingers = await Fingers.on(opened);
    // The room's row, then the room.
    const row = page.locator('a[href^="/room/"]').first();
    await row.waitFor();
    await fingers.rest(await middle(row));
    await page.getByRole("menuitemcheckbox", { name: "Favourite" }).waitFor();
    assert.match(page.url(), /\/rooms$/, "the finger that is lifted presses nothing");
    await page.keyboard.press("Escape");
    await row.tap();
    await message(page, "line 39").waitFor();
    await fingers.rest(await middle(message(page, "line 39").locator(".bubble")));
    await page.getByRole("menuitem", { name: "Reply" }).tap();
    await page.getByText("Reply to").waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === "TEXTAREA");
    assert.equal(await page.evaluate(() => visualViewport.scale), 1, "the field is not zoomed to");
    // A finger that moves while it rests scrolls, and opens nothing.
    const before = await timeline(page).evaluate((log) => log.scrollTop);
    await fingers.move([[200, 300]], [[200, 600]]);
    await page.waitForFunction((before) => document.querySelector('[role="log"]').scrollTop < before - 100, before);
    assert.equal(await page.getByRole("menu").filter({ visible: true }).count(), 0);
    await page.goBack();
    await row.waitFor();
    assert.match(page.url(), /\/rooms$/);
    assert.equal(await overflows(page), false);
    assert.deepEqual(faults, []);
  },

  "a picture grows between two fingers, and a swipe leads to the next": async ({ browser, salon }) => {
    const pau = await person(salon, "pau-t", "Pau");
    const room = await roomOf(pau, [], { name: "Gallery" });
    for (const name of ["one.png", "two.png"]) {
      const headers = { Authorization: `Bearer ${pau.token}`, "Content-Type": "image/png" };
      const { content_uri: url } = await (await fetch(`${salon.url}/_matrix/media/v3/upload`, { method: "POST", headers, body: picture(800, 500, [180, 90, 60]) })).json();
      await pau.send(room, "m.room.message", { msgtype: "m.image", body: name, url, info: { w: 800, h: 500, mimetype: "image/png" } });
    }
    const opened = await enter(browser, salon, pau, roomPath(room), { size: "phone", colorScheme: "dark" });
    const { page, faults } = opened;
    const fingers = await Fingers.on(opened);
    const viewer = page.getByRole("dialog");
    // Back closes it, and leads no further.
    const address = page.url();
    await timeline(page).getByRole("button", { name: /Open picture: two/ }).tap();
    await viewer.waitFor();
    await page.goBack();
    await viewer.waitFor({ state: "detached" });
    await composer(page).waitFor();
    assert.equal(page.url(), address);
    await timeline(page).getByRole("button", { name: /Open picture: one/ }).tap();
    const shown = viewer.getByRole("img", { name: /one\.png/ });
    await shown.waitFor();
    await page.waitForTimeout(300);
    const { width } = await shown.boundingBox();
    await fingers.move([[170, 420], [220, 420]], [[60, 420], [330, 420]]);
    await page.waitForFunction((width) => document.querySelector("dialog img").getBoundingClientRect().width > width * 1.5, width);
    assert.equal(await page.evaluate(() => visualViewport.scale), 1, "the picture grows, not the page");
    // Whole again, a swipe leads on.
    await fingers.move([[60, 420], [330, 420]], [[185, 420], [205, 420]]);
    await page.waitForFunction((width) => document.querySelector("dialog img").getBoundingClientRect().width < width * 1.05, width);
    await fingers.move([[320, 420]], [[60, 420]]);
    await viewer.getByRole("img", { name: /two\.png/ }).waitFor();
    // Thrown away, it is gone, and one is where one was.
    await fingers.move([[200, 300]], [[200, 600]]);
    await viewer.waitFor({ state: "detached" });
    await composer(page).waitFor();
    assert.deepEqual(faults, []);
  },
};
