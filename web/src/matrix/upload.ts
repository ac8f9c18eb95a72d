/** Files on their way to the server. */
import type { Core } from "./core";
import { Failure, failure, sleep } from "./errors";
import { fileKind, type FileFacts, type Uploaded } from "./outgoing";
import { record, text } from "./raw";
import { stripped } from "./strip";

/** How long a browser may think about a file before we send it without its size. */
const PATIENCE = 4000;
/** The side of a picture made from a film. */
const STILL = 800;
const ATTEMPTS = 4;

type Progress = (done: number, facts: FileFacts) => void;

export interface Sending {
  readonly file: File;
  /** Encrypted, as in an encrypted room. */
  readonly sealed: boolean;
  readonly signal: AbortSignal;
}

/** Sends a file, with what the browser can tell of it. */
export async function upload(core: Core, { file, sealed, signal }: Sending, progress: Progress): Promise<Uploaded & { readonly facts: FileFacts }> {
  if (core.media.maxUpload && file.size > core.media.maxUpload) throw new Failure("tooLarge", "The file is larger than the server takes", "M_TOO_LARGE");
  const clean = await stripped(file);
  const { facts, still } = await inspect(clean);
  progress(0, facts);
  const send = sealed ? sendSealed : sendPlain;
  const sent = await send(core, clean, { name: clean.name, signal, progress: (done) => progress(done, facts) });
  const thumbnail = still && {
    ...(await send(core, still.blob, { signal })),
    mime: still.blob.type,
    size: still.blob.size,
    width: still.width,
    height: still.height,
  };
  return { facts, ...sent, thumbnail };
}

type Sent = Pick<Uploaded, "url" | "sealed">;

async function sendPlain(core: Core, blob: Blob, options: UploadOptions): Promise<Sent> {
  return { url: await uploadBlob(core, blob, options), sealed: null };
}

/** The server learns neither what it is nor how it is called. */
async function sendSealed(core: Core, blob: Blob, { name: _name, ...options }: UploadOptions): Promise<Sent> {
  const { seal } = await import("./crypto/attachments");
  const { sealed, file } = await seal(blob);
  return { url: await uploadBlob(core, sealed, options), sealed: file };
}

export interface UploadOptions {
  readonly name?: string;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number) => void;
}

/** Sends bytes and returns their `mxc://` address. Where the server is busy or away for a moment, it is tried again. */
export async function uploadBlob(core: Pick<Core, "http">, blob: Blob, options: UploadOptions = {}): Promise<string> {
  for (let tried = 1; ; tried++) {
    try {
      return await post(core.http.baseUrl, await core.http.token(), blob, options);
    } catch (cause) {
      const error = failure(cause);
      const passes = error.kind === "limited" || error.kind === "offline";
      if (!passes || tried === ATTEMPTS) throw error;
      await sleep(error.kind === "limited" ? error.retryAfter : 1000 * 2 ** tried);
    }
  }
}

/** XMLHttpRequest, since `fetch` tells no progress of what is sent. */
function post(baseUrl: string, token: string, blob: Blob, { name, signal, progress }: UploadOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new Failure("cancelled", "Cancelled"));
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    signal?.addEventListener("abort", abort, { once: true });
    request.open("POST", `${baseUrl}/_matrix/media/v3/upload${name ? `?filename=${encodeURIComponent(name)}` : ""}`);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", blob.type || "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.total > 0 && progress?.(event.loaded / event.total);
    request.onload = () => settle(request, resolve, reject);
    request.onerror = () => reject(new Failure("offline", "The server does not answer"));
    request.onabort = () => reject(new Failure("cancelled", "Cancelled"));
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    request.send(blob);
  });
}

function settle(request: XMLHttpRequest, resolve: (mxc: string) => void, reject: (error: Failure) => void): void {
  const said = record(request.response);
  if (request.status === 200 && text(said["content_uri"])) return resolve(text(said["content_uri"]));
  const headers = new Headers();
  const wait = request.getResponseHeader("Retry-After");
  if (wait) headers.set("Retry-After", wait);
  reject(failure({ errcode: text(said["errcode"]), httpStatus: request.status, httpHeaders: headers, data: said }));
}

interface Inspected {
  readonly facts: FileFacts;
  readonly still: { readonly blob: Blob; readonly width: number; readonly height: number } | null;
}

/** Sizes, duration, and a still of a film. What the browser can't read is sent without them. */
async function inspect(file: File): Promise<Inspected> {
  const facts: FileFacts = { name: file.name || "file", mime: file.type || "application/octet-stream", size: file.size, width: 0, height: 0, duration: null };
  const kind = fileKind(facts.mime);
  try {
    if (kind === "image") return { facts: { ...facts, ...(await sizeOf(file)) }, still: null };
    if (kind === "video" || kind === "audio") return await inTime(inspectPlayed(file, facts, kind));
  } catch {
    // A broken or foreign format.
  }
  return { facts, still: null };
}

async function sizeOf(file: Blob): Promise<{ width: number; height: number }> {
  const bitmap = await createImageBitmap(file);
  const size = { width: bitmap.width, height: bitmap.height };
  bitmap.close();
  return size;
}

async function inspectPlayed(file: File, facts: FileFacts, kind: "video" | "audio"): Promise<Inspected> {
  const element = document.createElement(kind);
  const url = URL.createObjectURL(file);
  try {
    element.preload = "auto";
    element.muted = true;
    element.src = url;
    await once(element, kind === "video" ? "loadeddata" : "loadedmetadata");
    const duration = Number.isFinite(element.duration) ? Math.round(element.duration * 1000) : null;
    if (!(element instanceof HTMLVideoElement)) return { facts: { ...facts, duration }, still: null };
    return { facts: { ...facts, duration, width: element.videoWidth, height: element.videoHeight }, still: await stillOf(element) };
  } finally {
    element.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

async function stillOf(film: HTMLVideoElement): Promise<Inspected["still"]> {
  const scale = Math.min(1, STILL / Math.max(film.videoWidth, film.videoHeight, 1));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(film.videoWidth * scale);
  canvas.height = Math.round(film.videoHeight * scale);
  canvas.getContext("2d")?.drawImage(film, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
  return blob && { blob, width: canvas.width, height: canvas.height };
}

function once(element: HTMLMediaElement, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    element.addEventListener(event, () => resolve(), { once: true });
    element.addEventListener("error", () => reject(new Error("The browser can't read it")), { once: true });
  });
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  return Promise.race([work, sleep(PATIENCE).then(() => Promise.reject(new Error("It takes too long")))]);
}
