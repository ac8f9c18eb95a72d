/** Where the page begins: the words, then the app. */
import { mount } from "svelte";
import "./ui/tokens.css";
import "./ui/base.css";
import "./app/preferences.svelte";
import App from "./App.svelte";
import { loadWords } from "./i18n/i18n.svelte";

const target = document.getElementById("app");
if (target) {
  await loadWords("auth");
  mount(App, { target });
}
