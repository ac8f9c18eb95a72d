// Measures how smoothly a long conversation scrolls: 2,000 messages, each eighth with a picture, up and down at two speeds, with
// all of the past to load on the first way up. node frames.mjs BINARY [CPU SLOWDOWN]; best on a machine that does nothing else.
import { launch, SIZES } from "./browser.mjs";
import { picture } from "./media.mjs";
import { Salon } from "./salon.mjs";
import { enter, message, person, roomOf, roomPath, timeline } from "./talk.mjs";

const MESSAGES = 2_000;
const PICTURES = 40;
/** Pixels a frame: as one reads in passing, and as one flings. */
const SPEEDS = [30, 120];
const [binary, slowdown = "1"] = process.argv.slice(2);

const salon = await Salon.start(binary);
const browser = await launch();
try {
  const [ann, ben] = [await person(salon, "ann", "Ann"), await person(salon, "ben", "Ben")];
  const room = await roomOf(ann, [ben], { name: "Long" });
  await fill(room, [ann, ben]);
  for (const size of Object.keys(SIZES)) await measure(size, ann, room);
} finally {
  await browser.close();
  await salon.stop();
}

async function fill(room, people) {
  const pictures = [];
  for (let index = 0; index < PICTURES; index += 1) pictures.push(await upload(people[0], picture(800, 500 + (index % 5) * 60, [index * 6, 90, 200 - index * 4])));
  for (let index = 0; index < MESSAGES; index += 1) {
    const one = people[Math.floor(index / 3) % people.length];
    const content = { msgtype: "m.image", body: `${index}.png`, url: pictures[index % PICTURES], info: { w: 800, h: 500 + ((index % PICTURES) % 5) * 60, mimetype: "image/png", size: 9_000 } };
    if (index % 8 === 0) await one.send(room, "m.room.message", content);
    else await one.say(room, index % 5 ? `message ${index}` : `message ${index}: ${"some more words that fill a few lines of it ".repeat(1 + (index % 7))}`);
  }
}

async function upload(someone, bytes) {
  const answer = await fetch(`${salon.url}/_matrix/media/v3/upload`, { method: "POST", headers: { Authorization: `Bearer ${someone.token}`, "Content-Type": "image/png" }, body: bytes });
  return (await answer.json()).content_uri;
}

async function measure(size, someone, room) {
  const { page, context } = await enter(browser, salon, someone, roomPath(room), { size });
  await message(page, `message ${MESSAGES - 1}`).waitFor();
  const debug = await context.newCDPSession(page);
  await debug.send("Emulation.setCPUThrottlingRate", { rate: Number(slowdown) });
  for (const speed of SPEEDS) {
    console.log(`${size}, ${speed} px a frame, up through what is still to load:`, await scroll(page, -speed));
    console.log(`${size}, ${speed} px a frame, down again:`, await scroll(page, speed));
  }
  await context.close();
}

/** Scrolls for some seconds, and tells the frames' times in ms. */
function scroll(page, step) {
  return timeline(page).evaluate(async (log, step) => {
    const frames = [];
    const end = performance.now() + 8_000;
    let last = await new Promise(requestAnimationFrame);
    while (last < end) {
      log.scrollBy(0, step);
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - last);
      last = now;
    }
    frames.sort((one, other) => one - other);
    const at = (part) => Number(frames[Math.floor(frames.length * part)].toFixed(1));
    return JSON.stringify({ frames: frames.length, median: at(0.5), p95: at(0.95), p99: at(0.99), longest: at(0.9999), late: frames.filter((frame) => frame > 25).length });
  }, step);
}
