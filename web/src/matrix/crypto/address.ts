/** Addresses of encrypted files: what opens them is behind a `#`, so that one string is all that screens hand around. */
import { mxc, record, text, type Content } from "../raw";

/** What opens an encrypted file. */
export interface Seal {
  readonly key: string;
  readonly iv: string;
  readonly hash: string;
  readonly mime: string;
}

/** The address of an encrypted file, with what opens it behind a `#`, as `Media` takes it; `null` if it can't be opened. */
export function sealedAddress(file: Content, mime: string): string | null {
  const url = mxc(file["url"]);
  const [key, iv, hash] = [text(record(file["key"])["k"]), text(file["iv"]), text(record(file["hashes"])["sha256"])];
  if (!url || !key || !iv || !hash) return null;
  return `${url}#${[key, iv, hash, mime].map(encodeURIComponent).join("&")}`;
}

/** An address of either kind, and what opens it. */
export function readAddress(address: string): { readonly mxc: string; readonly seal: Seal | null } {
  const [url = "", fragment] = address.split("#", 2);
  if (!fragment) return { mxc: url, seal: null };
  const [key = "", iv = "", hash = "", mime = ""] = fragment.split("&").map(decodeURIComponent);
  return { mxc: url, seal: { key, iv, hash, mime } };
}
