/** Where the page begins: the words of the login page, then the login page, or what is behind it. */
import { mount, unmount } from "svelte";
import "./ui/tokens.css";
import "./ui/base.css";
import "./app/preferences.svelte";
import App from "./App.svelte";
import { loadInside } from "./app/enter";
import { session } from "./app/session.svelte";
import { auth as en } from "./i18n/en/auth";
import { auth as fr } from "./i18n/fr/auth";
import { loadWords } from "./i18n/i18n.svelte";

// Who is signed in waits for no login page. If it fails, whoever asks next says so.
if (session.current && !session.current.soft) loadInside().catch(() => {});

const target = document.getElementById("app");
if (target) {
  // Those of both languages came with the page: on a slow line a second turn costs more than the other's words.
  await loadWords({ en: async () => en, fr: async () => fr });
  const app = mount(App, {
    target,
    props: {
      onenter: async (inside, ahead) => {
        await unmount(app);
        inside.show(target, ahead);
      },
    },
  });
}
