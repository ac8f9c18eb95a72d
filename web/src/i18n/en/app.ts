/** The words behind the login: one file an area. */
import { errors } from "./errors";
import { friends } from "./friends";
import { profile } from "./profile";
import { room } from "./room";
import { rooms } from "./rooms";
import { shell } from "./shell";
import { ui } from "./ui";

export const app = { errors, friends, profile, room, rooms, shell, ui } as const;
