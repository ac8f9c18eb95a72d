// Fills in what only the running server knows, and speaks French to who does.
"use strict";

const FRENCH = {
  skip: "Aller à la connexion",
  kicker: "Un serveur Matrix",
  lead: "Ce serveur est en marche. Discutez avec n’importe quel client Matrix, celui que vous connaissez déjà.",
  connect: "Connecter un client",
  address: "Donnez cette adresse à votre client comme serveur d’accueil :",
  copy: "Copier",
  element: "Connectez-vous ou créez un compte, choisissez « Modifier » à côté du serveur d’accueil, puis « Autre serveur », et collez l’adresse.",
  elementx: "« Changer de fournisseur de compte », puis « Autre », et l’adresse.",
  cinny: "Saisissez l’adresse dans « Homeserver », en haut du formulaire de connexion.",
  fluffychat: "« Se connecter », puis remplacez le nom du serveur par l’adresse.",
  programs: "Robots et programmes",
  sdk: "avec matrix-js-sdk ; AsyncClient de matrix-nio prend la même adresse.",
  you: "Votre nom ici",
  youtext: "Les autres vous trouvent et vous invitent par votre identifiant complet :",
  "you-name": "vous",
};

const SENTENCES = {
  en: {
    copied: "Copied.",
    open: "Anybody can create an account",
    token: "Accounts need a registration token",
    closed: "New accounts are made by the admin",
  },
  fr: {
    copied: "Copié.",
    open: "Tout le monde peut créer un compte",
    token: "Il faut un jeton pour créer un compte",
    closed: "Les comptes sont créés par l’administrateur",
  },
};

const byId = (id) => document.getElementById(id);
const texts = [...document.querySelectorAll("[data-text]")];
const english = new Map(texts.map((element) => [element, element.textContent]));
let language = "en";
let about = null;

function render() {
  document.documentElement.lang = language;
  for (const element of texts) {
    element.textContent = language === "fr" ? FRENCH[element.dataset.text] : english.get(element);
  }
  byId("said").textContent = "";
  const other = byId("language");
  other.lang = language === "fr" ? "en" : "fr";
  other.textContent = language === "fr" ? "English" : "Français";
  other.hidden = false;
  if (about) {
    const state = byId("registration");
    state.textContent = SENTENCES[language][about.registration];
    state.dataset.mode = about.registration;
    state.hidden = false;
  }
}

async function fetchAbout() {
  const response = await fetch("/_salon/about");
  if (!response.ok) return;
  about = await response.json();
  byId("name").textContent = about.server_name;
  byId("id-server").textContent = about.server_name;
  byId("version").textContent = about.version;
  document.title = `${about.server_name} · Salon`;
  render();
}

byId("address").textContent = location.origin;
byId("id-server").textContent = location.hostname;
byId("sdk").textContent = `createClient({ baseUrl: "${location.origin}" })`;

// Absent where the page came over plain HTTP from another machine; the address can be selected all the same.
if (navigator.clipboard) {
  byId("copy").hidden = false;
  byId("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(location.origin);
    byId("said").textContent = SENTENCES[language].copied;
  });
}

byId("language").addEventListener("click", () => {
  language = language === "fr" ? "en" : "fr";
  render();
});

language = navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";
render();
// Without an answer the page still says how to connect.
fetchAbout().catch(() => {});
