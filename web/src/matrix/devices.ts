/** The places where one is signed in. */
import { path, type Core } from "./core";
import { withPassword } from "./me.svelte";
import { number, text, type Content } from "./raw";
import type { Device, Devices } from "./types";

export class DeviceList implements Devices {
  constructor(
    private readonly core: Core,
    private readonly current: string,
  ) {}

  async list(): Promise<Device[]> {
    const { devices } = await this.core.request<{ devices: Content[] }>("GET", "/_matrix/client/v3/devices");
    return devices.map((device) => this.#read(device)).sort((a, b) => Number(b.current) - Number(a.current) || (b.lastSeen ?? 0) - (a.lastSeen ?? 0));
  }

  async rename(id: string, name: string): Promise<void> {
    await this.core.request("PUT", path`/_matrix/client/v3/devices/${id}`, { body: { display_name: name } });
  }

  async signOut(ids: readonly string[], password: string): Promise<void> {
    await withPassword(this.core, password, (auth) => this.core.request("POST", "/_matrix/client/v3/delete_devices", { body: { devices: ids, ...auth } }));
  }

  #read(device: Content): Device {
    const id = text(device["device_id"]);
    const seen = number(device["last_seen_ts"], 0);
    return { id, name: text(device["display_name"]) || id, lastSeen: seen > 0 ? seen : null, address: text(device["last_seen_ip"]), current: id === this.current };
  }
}
