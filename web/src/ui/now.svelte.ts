/** The time, for words such as "5 minutes ago": what reads it is told every half minute that it has moved on. */
import { createSubscriber } from "svelte/reactivity";

const STEP_MS = 30_000;

const follow = createSubscriber((update) => {
  const timer = setInterval(update, STEP_MS);
  return () => clearInterval(timer);
});

export function now(): number {
  follow();
  return Date.now();
}
