/** Reading a picture that was chosen, and cutting the square out of it. */
import { keptEdge, square, type Crop } from "./crop";

/** What the file dialog offers. */
export const PICTURES = "image/png,image/jpeg,image/webp,image/gif,image/avif";
const QUALITY = 0.9;

/** Rejects if the browser can't show it. */
export async function readPicture(file: Blob): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
  } catch (error) {
    URL.revokeObjectURL(image.src);
    throw error;
  }
  return image;
}

/** The square as a picture of its own, without what the camera wrote into the file; JPEG stays JPEG, the rest may be transparent. */
export function cut(image: HTMLImageElement, crop: Crop, type: string): Promise<Blob> {
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  const { left, top, side } = square(crop, size);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = keptEdge(crop, size);
  const context = canvas.getContext("2d");
  if (!context) return Promise.reject(new Error("no canvas"));
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left, top, side, side, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), type === "image/jpeg" ? type : "image/png", QUALITY);
  });
}
