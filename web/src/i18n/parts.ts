/** The words of the app behind the login page: each part loads when it is asked for, in the language that is spoken. */
import type { Part } from "./i18n.svelte";

export const auth: Part = {
  en: async () => (await import("./en/auth")).auth,
  fr: async () => (await import("./fr/auth")).auth,
};

export const app: Part = {
  en: async () => (await import("./en/app")).app,
  fr: async () => (await import("./fr/app")).app,
};

/** Of encryption: it is spoken of late, if at all. */
export const secure: Part = {
  en: () => import("./secure/en"),
  fr: () => import("./secure/fr"),
};
