/** Where the app behind the login page begins: its words, then the frame. */
import { mount } from "svelte";
import "./app/preferences.svelte";
import "./ui/names.css";
import type { Inside as Entry } from "./app/enter";
import { loadWords } from "./i18n/i18n.svelte";
import { app, auth } from "./i18n/parts";
import Inside from "./screens/Inside.svelte";

export async function load(): Promise<Entry> {
  // Needed in a moment; who has it in the end asks again, and says so if it fails.
  import("./matrix/index").catch(() => {});
  // Passwords and their rules are spoken of here too.
  await Promise.all([loadWords(auth), loadWords(app)]);
  return {
    show(target, ahead) {
      mount(Inside, { target, props: { ahead } });
    },
  };
}
