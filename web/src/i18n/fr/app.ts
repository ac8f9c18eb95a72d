/** Ce qui se dit après la connexion : un fichier par domaine. */
import type { app as english } from "../en/app";
import type { Translation } from "../i18n.svelte";
import { errors } from "./errors";
import { friends } from "./friends";
import { profile } from "./profile";
import { room } from "./room";
import { rooms } from "./rooms";
import { shell } from "./shell";
import { ui } from "./ui";

export const app: Translation<typeof english> = { errors, friends, profile, room, rooms, shell, ui };
