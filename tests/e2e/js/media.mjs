// Files from matrix-js-sdk to matrix-nio and back: uploaded, downloaded, made smaller.

import { deepStrictEqual as same, strictEqual as equal } from "node:assert";
import { Person } from "./person.mjs";

const PASSWORD = "correct horse battery staple";
const NAME = "Ça va \"bien\".png";
// One red pixel.
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==",
  "base64",
);

export async function media({ step, server, bot }) {
  let dora;
  const fetched = async (url) => {
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${dora.client.getAccessToken()}` } });
    equal(answer.status, 200, url);
    return { type: answer.headers.get("content-type"), bytes: Buffer.from(await answer.arrayBuffer()) };
  };

  await step("Dora uploads a picture with matrix-js-sdk, and matrix-nio gets it with its name", async () => {
    dora = await Person.register(server.url, "dora", PASSWORD);
    const limits = await dora.client.getMediaConfig(true);
    equal(limits["m.upload.size"], 100 * 1024 * 1024);
    const file = new Blob([PICTURE], { type: "image/png" });
    const { content_uri: mxc } = await dora.client.uploadContent(file, { name: NAME });
    const got = await bot.ask("download", { mxc });
    same(got, { name: NAME, type: "image/png", base64: PICTURE.toString("base64") });
    const thumbnail = dora.client.mxcUrlToHttp(mxc, 96, 96, "crop", false, true, true);
    // It is smaller than what was asked for, so it comes as it is.
    same(await fetched(thumbnail), { type: "image/png", bytes: PICTURE });
  });
  await step("matrix-nio uploads a file, and Dora gets it", async () => {
    const text = Buffer.from("some words\n".repeat(50_000));
    const mxc = await bot.ask("upload", { name: "words.txt", type: "text/plain", base64: text.toString("base64") });
    const url = dora.client.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, true);
    same(await fetched(url), { type: "text/plain", bytes: text });
    // The old address needs no token, and leads nowhere.
    const old = dora.client.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, false);
    equal((await fetch(old)).status, 404);
  });
}
