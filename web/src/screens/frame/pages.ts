/** The screens behind the frame, each loaded when it is first shown, and what the frame hands them. */
import type { Component } from "svelte";
import type { Matrix, Room, UserId } from "../../matrix/types";

type Screen<Props extends Record<string, unknown>> = () => Promise<{ readonly default: Component<Props> }>;

export interface RoomProps extends Record<string, unknown> {
  readonly matrix: Matrix;
  readonly room: Room;
  /** The event that the address names. */
  readonly event: string | null;
}

export interface RoomPanelProps extends Record<string, unknown> {
  readonly matrix: Matrix;
  readonly room: Room;
  /** `members`, `settings`: what stands behind `?panel=`. */
  readonly panel: string;
  readonly onclose: () => void;
}

export interface PersonProps extends Record<string, unknown> {
  readonly matrix: Matrix;
  readonly userId: UserId;
  /** The room beside which the person is shown, if any. */
  readonly room: Room | null;
  readonly onclose: () => void;
}

export interface FriendsProps extends Record<string, unknown> {
  readonly matrix: Matrix;
  /** The second part of `/friends/{tab}`. */
  readonly tab: string | undefined;
}

export interface ProfileProps extends Record<string, unknown> {
  readonly matrix: Matrix;
  /** The second part of `/profile/{section}`. */
  readonly section: string | undefined;
}

export interface ExploreProps extends Record<string, unknown> {
  readonly matrix: Matrix;
}

export interface PreviewProps extends Record<string, unknown> {
  readonly matrix: Matrix;
  /** An ID or an address. */
  readonly id: string;
  /** Servers that know the room. */
  readonly via: readonly string[];
}

export const roomScreen: Screen<RoomProps> = () => import("../room/Room.svelte");
export const roomPanelScreen: Screen<RoomPanelProps> = () => import("../room/RoomPanel.svelte");
export const personScreen: Screen<PersonProps> = () => import("../person/PersonPanel.svelte");
export const friendsScreen: Screen<FriendsProps> = () => import("../friends/Friends.svelte");
export const profileScreen: Screen<ProfileProps> = () => import("../profile/Profile.svelte");
export const exploreScreen: Screen<ExploreProps> = () => import("../explore/Explore.svelte");
export const previewScreen: Screen<PreviewProps> = () => import("../explore/RoomPreview.svelte");
