/** Events as the server writes them, and a careful reading of what others put into them. Nothing of the SDK. */

export interface RawEvent {
  readonly type: string;
  readonly event_id?: string | undefined;
  readonly sender?: string | undefined;
  readonly state_key?: string | undefined;
  readonly origin_server_ts?: number | undefined;
  readonly content: Content;
  readonly unsigned?: Content | undefined;
}

export type Content = { readonly [key: string]: unknown };

/** Reads the current state of a room. */
export type StateReader = (type: string, stateKey?: string) => RawEvent | undefined;

const NOTHING: Content = {};

/** An object, or an empty one. */
export function record(value: unknown): Content {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Content) : NOTHING;
}

/** A string, or an empty one. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A finite number, or `otherwise`. Strings of digits are numbers too, as old rooms have them in their power levels. */
export function number(value: unknown, otherwise: number): number {
  const read = typeof value === "string" && /^\s*[-+]?\d+\s*$/.test(value) ? Number(value) : value;
  return typeof read === "number" && Number.isFinite(read) ? read : otherwise;
}

/** The strings of an array, or none. */
export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : [];
}

/** An `mxc://` address, or `null`. */
export function mxc(value: unknown): string | null {
  return typeof value === "string" && /^mxc:\/\/[^/?#\s]+\/[\w-]+$/.test(value) ? value : null;
}

export function isUserId(value: string): boolean {
  return /^@[^:\0]*:.+$/.test(value) && value.length <= 255;
}

/** `alice` of `@alice:example.org`. */
export function localpart(id: string): string {
  const end = id.indexOf(":");
  return end > 1 ? id.slice(1, end) : id;
}

export function serverOf(id: string): string {
  return id.slice(id.indexOf(":") + 1);
}

/** Whether two values say the same, fields in any order. */
export function same(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || !left || !right || Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => key in right && same((left as Content)[key], (right as Content)[key]));
}
