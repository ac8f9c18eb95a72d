/** The 64 emoji by which sessions are compared, with their names as the specification lists them, in its order. */
import type { Language } from "../../i18n/i18n.svelte";

const SYMBOLS = "🐶|🐱|🦁|🐎|🦄|🐷|🐘|🐰|🐼|🐓|🐧|🐢|🐟|🐙|🦋|🌷|🌳|🌵|🍄|🌏|🌙|☁|🔥|🍌|🍎|🍓|🌽|🍕|🎂|❤|😀|🤖|🎩|👓|🔧|🎅|👍|☂|⌛|⏰|🎁|💡|📕|✏|📎|✂|🔒|🔑|🔨|☎|🏁|🚂|🚲|✈|🚀|🏆|⚽|🎸|🎺|🔔|⚓|🎧|📁|📌";

const NAMES: Record<Language, string> = {
  en: "Dog|Cat|Lion|Horse|Unicorn|Pig|Elephant|Rabbit|Panda|Rooster|Penguin|Turtle|Fish|Octopus|Butterfly|Flower|Tree|Cactus|Mushroom" +
    "|Globe|Moon|Cloud|Fire|Banana|Apple|Strawberry|Corn|Pizza|Cake|Heart|Smiley|Robot|Hat|Glasses|Spanner|Santa|Thumbs Up|Umbrella" +
    "|Hourglass|Clock|Gift|Light Bulb|Book|Pencil|Paperclip|Scissors|Lock|Key|Hammer|Telephone|Flag|Train|Bicycle|Aeroplane|Rocket" +
    "|Trophy|Ball|Guitar|Trumpet|Bell|Anchor|Headphones|Folder|Pin",
  fr: "Chien|Chat|Lion|Cheval|Licorne|Cochon|Éléphant|Lapin|Panda|Coq|Manchot|Tortue|Poisson|Poulpe|Papillon|Fleur|Arbre|Cactus" +
    "|Champignon|Globe|Lune|Nuage|Feu|Banane|Pomme|Fraise|Maïs|Pizza|Gâteau|Cœur|Sourire|Robot|Chapeau|Lunettes|Clé à molette" +
    "|Père Noël|Pouce en l’air|Parapluie|Sablier|Réveil|Cadeau|Ampoule|Livre|Crayon|Trombone|Ciseaux|Cadenas|Clé|Marteau|Téléphone" +
    "|Drapeau|Train|Vélo|Avion|Fusée|Trophée|Ballon|Guitare|Trompette|Cloche|Ancre|Casque audio|Dossier|Punaise",
};

const symbols = SYMBOLS.split("|");

/** What an emoji is called, whichever way it is written; empty for what is none of them. */
export function nameOf(symbol: string, language: Language): string {
  const at = symbols.indexOf(symbol.replace("\ufe0f", ""));
  return NAMES[language].split("|")[at] ?? "";
}
