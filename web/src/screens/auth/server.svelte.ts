import type { About } from "../../app/api";

/** What is known of this server; `about` is `null` until it has answered. */
class Server {
  about = $state.raw<About | null>(null);

  /** The server's name as it stands in user IDs; the address' host until it is known. */
  get name(): string {
    return this.about?.server_name ?? location.hostname;
  }
}

export const server = new Server();
