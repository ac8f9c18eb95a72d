/** Where the page begins: the words of the login page, then the login page, or what is behind it. */
import { mount, unmount } from "svelte";
import "./ui/tokens.css";
import "./ui/base.css";
import "./app/preferences.svelte";
import App from "./App.svelte";
import { loadWords } from "./i18n/i18n.svelte";

const target = document.getElementById("app");
if (target) {
  await loadWords("auth");
  const app = mount(App, {
    target,
    props: {
      onenter: async (inside) => {
        await unmount(app);
        inside.show(target);
      },
    },
  });
}
