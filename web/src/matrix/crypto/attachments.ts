/** Files of encrypted rooms, as "Sending encrypted attachments" of the specification has them. */
import type { Content } from "../raw";
import type { Seal } from "./address";

/** Types that a page may make an address of: others could run as a page of ours. */
const HARMLESS = /^(image\/(png|jpeg|gif|webp|avif|bmp|apng)|video\/[\w.+-]+|audio\/[\w.+-]+)$/;
const AES = "AES-CTR";

/** Encrypts bytes; `file` is what a message says of them beside their address. */
export async function seal(blob: Blob): Promise<{ readonly sealed: Blob; readonly file: Content }> {
  const key = await crypto.subtle.generateKey({ name: AES, length: 256 }, true, ["encrypt"]);
  const iv = new Uint8Array(16);
  // The other half counts the blocks.
  crypto.getRandomValues(iv.subarray(0, 8));
  const data = await crypto.subtle.encrypt({ name: AES, counter: iv, length: 64 }, key, await blob.arrayBuffer());
  const hash = await crypto.subtle.digest("SHA-256", data);
  const { k, kty, alg, ext } = await crypto.subtle.exportKey("jwk", key);
  return {
    sealed: new Blob([data], { type: "application/octet-stream" }),
    file: { v: "v2", key: { kty, alg, ext, k, key_ops: ["encrypt", "decrypt"] }, iv: toBase64(iv), hashes: { sha256: toBase64(new Uint8Array(hash)) } },
  };
}

/** Decrypts bytes; rejects if they are not those that were meant. */
export async function unseal(blob: Blob, { key, iv, hash, mime }: Seal): Promise<Blob> {
  const data = await blob.arrayBuffer();
  const found = toBase64(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
  if (found !== hash.replace(/=+$/, "")) throw new Error("The file is not the one that was sent");
  const imported = await crypto.subtle.importKey("jwk", { kty: "oct", k: key, alg: "A256CTR" }, AES, false, ["decrypt"]);
  const plain = await crypto.subtle.decrypt({ name: AES, counter: fromBase64(iv), length: 64 }, imported, data);
  return new Blob([plain], { type: HARMLESS.test(mime) ? mime : "application/octet-stream" });
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
