/** Makes a chosen picture fit for a room: square, and no larger than it is ever shown. */

const EDGE = 512;
const QUALITY = 0.9;

/** Rejects if the browser can't read it. */
export async function squared(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file);
  const from = Math.min(picture.width, picture.height);
  const edge = Math.min(EDGE, from);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = edge;
  const context = canvas.getContext("2d");
  context?.drawImage(picture, (picture.width - from) / 2, (picture.height - from) / 2, from, from, 0, 0, edge, edge);
  picture.close();
  // What may have transparent parts keeps them.
  const type = file.type === "image/jpeg" ? "image/jpeg" : "image/png";
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, type, QUALITY));
  if (!context || !blob) throw new Error("the picture can't be drawn");
  return blob;
}
