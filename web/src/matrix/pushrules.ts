/** How loud a room is, by the push rules that clients agree on. */
import { record, text, type Content } from "./raw";
import type { NotifyLevel } from "./types";

type Rule = Content;

interface RuleSet {
  readonly global?: { readonly override?: readonly object[]; readonly room?: readonly object[]; readonly underride?: readonly object[] };
}

function find(rules: readonly object[] | undefined, id: string): Rule | undefined {
  return (rules as readonly Rule[] | undefined)?.find((rule) => rule["rule_id"] === id && rule["enabled"] !== false);
}

function notifies(rule: Rule): boolean {
  return Array.isArray(rule["actions"]) && rule["actions"].includes("notify");
}

/** An override rule about one room silences it; a room rule says whether it tells of all messages or of mentions only. */
export function levelOf(rules: unknown, room: string): NotifyLevel {
  const global = (record(rules) as RuleSet).global;
  const override = find(global?.override, room);
  if (override && !notifies(override) && isAbout(override, room)) return "none";
  const rule = find(global?.room, room);
  return rule ? (notifies(rule) ? "all" : "mentions") : "default";
}

function isAbout(rule: Rule, room: string): boolean {
  const [condition, second] = Array.isArray(rule["conditions"]) ? rule["conditions"] : [];
  const said = record(condition);
  return second === undefined && said["kind"] === "event_match" && said["key"] === "room_id" && text(said["pattern"]) === room;
}

/** A request to the push rules: kind, and the rule's body or `null` to remove it. */
export interface RuleChange {
  readonly kind: "override" | "room";
  readonly rule: Content | null;
}

/** What makes a room as loud as asked. Rules that stand in the way go; what is to be stays or comes. */
export function changesFor(rules: unknown, room: string, level: NotifyLevel): RuleChange[] {
  const global = (record(rules) as RuleSet).global;
  const has = { override: !!find(global?.override, room), room: !!find(global?.room, room) };
  const changes: RuleChange[] = [];
  // The new rule first: between the two requests a room may be too quiet, never by surprise loud.
  if (level === "none") changes.push({ kind: "override", rule: { conditions: [{ kind: "event_match", key: "room_id", pattern: room }], actions: [] } });
  if (level === "mentions") changes.push({ kind: "room", rule: { actions: [] } });
  if (level === "all") changes.push({ kind: "room", rule: { actions: ["notify", { set_tweak: "sound", value: "default" }] } });
  if (level !== "none" && has.override) changes.push({ kind: "override", rule: null });
  if ((level === "none" || level === "default") && has.room) changes.push({ kind: "room", rule: null });
  return changes;
}

/** Rules of the specification that decide how loud messages are in general. */
const MASTER = ".m.rule.master";
const MESSAGES = [".m.rule.message", ".m.rule.encrypted", ".m.rule.room_one_to_one", ".m.rule.encrypted_room_one_to_one"];

type Level = "all" | "mentions" | "none";

function builtIn(rules: unknown, id: string): Rule | undefined {
  const global = record(record(rules)["global"]);
  const all = ["override", "underride"].flatMap((kind) => (Array.isArray(global[kind]) ? (global[kind] as Rule[]) : []));
  return all.find((rule) => rule["rule_id"] === id);
}

/** What rooms do that have no rule of their own. */
export function defaultLevel(rules: unknown): Level {
  if (builtIn(rules, MASTER)?.["enabled"] === true) return "none";
  const message = builtIn(rules, ".m.rule.message");
  return message && (message["enabled"] === false || !notifies(message)) ? "mentions" : "all";
}

export interface DefaultChange {
  readonly kind: "override" | "underride";
  readonly id: string;
  readonly attribute: "enabled" | "actions";
  readonly body: Content;
}

/** Requests that make rooms in general as loud as asked. */
export function changesForDefault(rules: unknown, level: Level): DefaultChange[] {
  const changes: DefaultChange[] = [];
  if (builtIn(rules, MASTER)) changes.push({ kind: "override", id: MASTER, attribute: "enabled", body: { enabled: level === "none" } });
  if (level === "none") return changes;
  for (const id of MESSAGES) {
    const rule = builtIn(rules, id);
    if (rule && (rule["enabled"] !== false) !== (level === "all")) changes.push({ kind: "underride", id, attribute: "enabled", body: { enabled: level === "all" } });
  }
  return changes;
}
