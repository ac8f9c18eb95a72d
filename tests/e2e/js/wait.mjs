// Waiting for what happens elsewhere, and saying what did not.

import { setTimeout as sleep } from "node:timers/promises";

/// Polls `condition` until it holds and returns what it gave.
export async function until(what, condition, seconds = 20) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`);
    await sleep(20);
  }
}

/// Fails unless `promise` is refused with `errcode`.
export async function refused(errcode, promise) {
  const outcome = await promise.then(
    (value) => `accepted: ${JSON.stringify(value)}`,
    (error) => error.errcode ?? String(error),
  );
  if (outcome !== errcode) throw new Error(`should have been refused with ${errcode}, but: ${outcome}`);
}
