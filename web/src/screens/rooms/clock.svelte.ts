/** The time as lists show it: it moves on by the minute, for as long as somebody looks at it. */
import { createSubscriber } from "svelte/reactivity";

const MINUTE = 60_000;

const follow = createSubscriber((update) => {
  const timer = setInterval(update, MINUTE);
  return () => clearInterval(timer);
});

export const clock = {
  get now(): number {
    follow();
    return Date.now();
  },
};
